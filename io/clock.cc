// The one place that reads a clock.
#include "io/clock.h"

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

}  // namespace uturn
