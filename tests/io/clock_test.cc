// The clock: monotonic, and beside it the calendar.
#include "io/clock.h"

#include <gtest/gtest.h>

namespace uturn {
namespace {

TEST(Clock, NeverGoesBack) {
  const Clock clock;
  Instant before = clock.monotonic();
  for (int i = 0; i < 1'000; ++i) {
    const Now now = clock.now();
    ASSERT_GE(now.monotonic, before);
    before = now.monotonic;
  }
}

TEST(Clock, CarriesTheCalendarItReadAtStart) {
  const auto earliest =
      std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()) - 1s;
  const Now now = Clock().now();
  const auto latest =
      std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()) + 1s;
  EXPECT_GE(now.calendar, earliest);
  EXPECT_LE(now.calendar, latest);
}

TEST(Clock, CalendarAndMonotonicTimeDifferByAConstant) {
  const Clock clock;
  const auto ahead = [&] {
    const Now now = clock.now();
    return now.calendar.time_since_epoch() - now.monotonic.time_since_epoch();
  };
  const Duration first = ahead();
  for (int i = 0; i < 1'000; ++i) EXPECT_LT(std::chrono::abs(ahead() - first), 1s);
}

}  // namespace
}  // namespace uturn
