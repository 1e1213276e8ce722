// Least squares: the slope of memory.
#include <gtest/gtest.h>

#include <vector>

#include "client/tools/bench/least_squares.h"

namespace uturn {
namespace {

TEST(SlopePerHour, OfAStraightLineIsItsOwn) {
  std::vector<MemorySample> samples;
  for (uint64_t i = 0; i < 10; ++i) {
    samples.push_back({static_cast<double>(i) * 60, 1'000'000 + i * 500});
  }
  EXPECT_NEAR(slope_per_hour(samples).value(), 30'000, 1e-6);
}

TEST(SlopePerHour, OfNoiseAroundALevelIsNone) {
  const std::vector<MemorySample> samples{{0, 1100}, {1, 900}, {2, 900}, {3, 1100}};
  EXPECT_NEAR(slope_per_hour(samples).value(), 0, 1e-6);
}

TEST(SlopePerHour, FitsUnevenMomentsBest) {
  // Means 3 s and 20 B: covariance 3*10 + 2*4 + 5*14 = 108, variance 9 + 4 + 25 = 38.
  const std::vector<MemorySample> samples{{0, 10}, {1, 16}, {8, 34}};
  EXPECT_NEAR(slope_per_hour(samples).value(), 108.0 / 38 * 3600, 1e-6);
}

TEST(SlopePerHour, FallingMemoryHasANegativeSlope) {
  const std::vector<MemorySample> samples{{0, 200}, {3600, 100}};
  EXPECT_NEAR(slope_per_hour(samples).value(), -100, 1e-9);
}

TEST(SlopePerHour, OneMomentHasNone) {
  EXPECT_FALSE(slope_per_hour({}).has_value());
  EXPECT_FALSE(slope_per_hour(std::vector<MemorySample>{{5, 100}}).has_value());
  EXPECT_FALSE(slope_per_hour(std::vector<MemorySample>{{5, 100}, {5, 300}}).has_value());
}

}  // namespace
}  // namespace uturn
