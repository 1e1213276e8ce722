// The one place that reads a clock, or sleeps by it.
#include "io/clock.h"

#include <sys/prctl.h>

#include <ctime>

namespace uturn {
namespace {

Duration read(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace

Clock::Clock() : calendar_ahead_(read(CLOCK_REALTIME) - read(CLOCK_MONOTONIC)) {}

Instant Clock::monotonic() const { return Instant(read(CLOCK_MONOTONIC)); }

Now Clock::now() const {
  const Instant monotonic = this->monotonic();
  const auto calendar = monotonic.time_since_epoch() + calendar_ahead_;
  return {monotonic, CalendarTime(std::chrono::floor<std::chrono::seconds>(calendar))};
}

Duration thread_cpu_time() { return read(CLOCK_THREAD_CPUTIME_ID); }

void make_sleeps_precise() { ::prctl(PR_SET_TIMERSLACK, 1'000ul, 0ul, 0ul, 0ul); }

void sleep_for(Duration time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  const timespec rest{static_cast<time_t>(seconds.count()),
                      static_cast<long>((time - seconds).count())};
  ::clock_nanosleep(CLOCK_MONOTONIC, 0, &rest, nullptr);
}

}  // namespace uturn
