// Clock: the monotonic time, and the calendar as it was at start carried on by it.
#pragma once

#include "protocol/time.h"

namespace uturn {

/// A step of the system's clock changes nothing here: it would cost every client its nonce.
class Clock {
 public:
  Clock();
  Now now() const;
  Instant monotonic() const;

 private:
  Duration calendar_ahead_;  ///< of the monotonic clock, since 1970
};

/// What this thread has had of a processor so far, the kernel's work for it included.
Duration thread_cpu_time();
/// The kernel may let this thread's sleeps last 50 µs longer than asked, so that several wake-ups
/// fall together; afterwards it is one.
void make_sleeps_precise();
/// A signal ends it early.
void sleep_for(Duration time);

}  // namespace uturn
