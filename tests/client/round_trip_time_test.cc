// RoundTripTime: RFC 6298's arithmetic under RFC 8489's rules.
#include "client/round_trip_time.h"

#include <gtest/gtest.h>

namespace uturn {
namespace {

using namespace std::chrono_literals;

Now at(Duration since_start) { return {Instant{since_start}, CalendarTime{}}; }

TEST(RoundTripTime, StartsWithTheInitialRto) { EXPECT_EQ(RoundTripTime{500ms}.rto(at(0s)), 500ms); }

TEST(RoundTripTime, AFastPathKeepsTheInitialRto) {
  RoundTripTime time{500ms};
  time.sample(20ms, at(1s));
  EXPECT_EQ(time.rto(at(1s)), 500ms);
}

TEST(RoundTripTime, ASlowPathRaisesIt) {
  RoundTripTime time{500ms};
  time.sample(800ms, at(1s));
  EXPECT_EQ(time.rto(at(1s)), 800ms + 4 * 400ms);
  time.sample(800ms, at(2s));  // RTTVAR = 3/4 * 400 ms
  EXPECT_EQ(time.rto(at(2s)), 800ms + 4 * 300ms);
  time.sample(1600ms, at(3s));  // RTTVAR = 3/4 * 300 + 1/4 * 800, SRTT = 7/8 * 800 + 1/8 * 1600
  EXPECT_EQ(time.rto(at(3s)), 900ms + 4 * 425ms);
}

TEST(RoundTripTime, HasAnEnd) {
  RoundTripTime time{500ms};
  time.sample(100s, at(1s));
  EXPECT_EQ(time.rto(at(1s)), 60s);
}

TEST(RoundTripTime, IsStaleAfterTenMinutes) {
  RoundTripTime time{500ms};
  time.sample(1s, at(0s));
  EXPECT_EQ(time.rto(at(599s)), 3s);
  EXPECT_EQ(time.rto(at(600s)), 500ms);
}

}  // namespace
}  // namespace uturn
