// Time: instants and durations that somebody hands in. Nothing here can read a clock.
#pragma once

#include <chrono>
#include <cstdint>

namespace uturn {

using namespace std::chrono_literals;

/// The monotonic time line of a shard. It has no now(): the core is told the time.
struct MonotonicTime {
  using rep = int64_t;
  using period = std::nano;
  using duration = std::chrono::nanoseconds;
  using time_point = std::chrono::time_point<MonotonicTime>;
  static constexpr bool is_steady = true;
};

using Duration = MonotonicTime::duration;
using Instant = MonotonicTime::time_point;
using CalendarTime = std::chrono::sys_seconds;  ///< UTC, whole seconds since 1970

/// What time it is, read once a pass. The calendar was read at start and is carried on by the
/// monotonic clock, so that a clock step costs nobody a nonce.
struct Now {
  Instant monotonic;
  CalendarTime calendar;
};

inline constexpr Instant kNever = Instant::max();

inline bool is_past(Instant deadline, Now now) { return deadline <= now.monotonic; }

}  // namespace uturn
