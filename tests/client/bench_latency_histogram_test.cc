// LatencyHistogram: what it says is within a thousandth of what was recorded.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "client/tools/bench/latency_histogram.h"

namespace uturn {
namespace {

TEST(LatencyHistogram, ShortTimesAreExact) {
  LatencyHistogram histogram;
  for (int64_t i = 1; i < 2048; ++i) histogram.record(Duration{i});
  for (int64_t i = 1; i < 2048; ++i) {
    const double percentile = 100 * (static_cast<double>(i) - 0.5) / 2047;
    EXPECT_EQ(histogram.value_at_percentile(percentile), Duration{i});
  }
}

TEST(LatencyHistogram, EveryTimeIsRoundedUpByLessThanOneThousandth) {
  // Both sides of every bucket's edge: a bucket of times up to 2^n begins at a multiple of
  // 2^(n-11).
  for (int power = 11; power < 37; ++power) {
    const int64_t step = int64_t{1} << (power - 10);
    for (int64_t edge = int64_t{1} << power; edge < int64_t{2} << power; edge += step) {
      for (const int64_t nanoseconds : {edge - 1, edge, edge + step / 2}) {
        const Duration latency = std::min(Duration{nanoseconds}, LatencyHistogram::kHighest);
        LatencyHistogram histogram;
        histogram.record(latency);
        histogram.record(std::min(2 * latency, LatencyHistogram::kHighest));
        const Duration remembered = histogram.value_at_percentile(50);
        ASSERT_GE(remembered, latency);
        ASSERT_LT((remembered - latency).count() * 1000, latency.count()) << nanoseconds;
      }
      if (power > 12) edge += 40 * step;  // all edges of the first powers, a sample of the others
    }
  }
}

TEST(LatencyHistogram, PercentilesAgreeWithTheSortedTimes) {
  std::mt19937_64 random{7};
  std::lognormal_distribution<> latencies{10.0, 2.5};
  LatencyHistogram histogram;
  std::vector<Duration> sorted;
  for (int i = 0; i < 20'000; ++i) {
    const Duration latency{
        std::clamp<int64_t>(std::llround(latencies(random)), 1, 100'000'000'000)};
    histogram.record(latency);
    sorted.push_back(latency);
  }
  std::ranges::sort(sorted);
  for (const double percentile : {0.1, 25.0, 50.0, 90.0, 99.0, 99.9, 99.99}) {
    const auto rank = static_cast<size_t>(std::ceil(percentile / 100 * 20'000));
    const Duration exact = sorted[rank - 1];
    EXPECT_GE(histogram.value_at_percentile(percentile), exact);
    EXPECT_LE(histogram.value_at_percentile(percentile).count(),
              static_cast<double>(exact.count()) * 1.001);
  }
  EXPECT_EQ(histogram.value_at_percentile(100), sorted.back());
  EXPECT_EQ(histogram.min(), sorted.front());
  EXPECT_EQ(histogram.max(), sorted.back());
}

TEST(LatencyHistogram, TheMeanIsExact) {
  LatencyHistogram histogram;
  for (const Duration latency : {Duration{1'000'001}, Duration{3'000'003}}) {
    histogram.record(latency);
  }
  EXPECT_EQ(histogram.mean(), Duration{2'000'002});
}

TEST(LatencyHistogram, NothingRecordedIsZeroEverywhere) {
  const LatencyHistogram histogram;
  EXPECT_EQ(histogram.count(), 0u);
  EXPECT_EQ(histogram.min(), Duration{});
  EXPECT_EQ(histogram.max(), Duration{});
  EXPECT_EQ(histogram.mean(), Duration{});
  EXPECT_EQ(histogram.value_at_percentile(99), Duration{});
}

TEST(LatencyHistogram, WhatIsOutOfRangeCountsAsTheNearestTime) {
  LatencyHistogram histogram;
  histogram.record(Duration{-5});
  EXPECT_EQ(histogram.max(), LatencyHistogram::kLowest);
  histogram.record(1h);
  EXPECT_EQ(histogram.count(), 2u);
  EXPECT_EQ(histogram.max(), LatencyHistogram::kHighest);
  EXPECT_EQ(histogram.value_at_percentile(100), LatencyHistogram::kHighest);
}

TEST(LatencyHistogram, MergedIsAsIfAllHadBeenRecordedInOne) {
  LatencyHistogram one;
  LatencyHistogram other;
  LatencyHistogram both;
  for (int64_t i = 1; i <= 5'000; ++i) {
    const Duration latency{i * i * 31};
    (i % 3 == 0 ? one : other).record(latency);
    both.record(latency);
  }
  one.merge(other);
  EXPECT_EQ(one.count(), both.count());
  EXPECT_EQ(one.min(), both.min());
  EXPECT_EQ(one.max(), both.max());
  EXPECT_EQ(one.mean(), both.mean());
  for (const double percentile : {1.0, 50.0, 99.0, 99.9}) {
    EXPECT_EQ(one.value_at_percentile(percentile), both.value_at_percentile(percentile));
  }
}

TEST(LatencyHistogram, MergingNothingChangesNothing) {
  LatencyHistogram histogram;
  histogram.record(5us);
  histogram.merge(LatencyHistogram{});
  EXPECT_EQ(histogram.min(), 5us);
  EXPECT_EQ(histogram.count(), 1u);
}

}  // namespace
}  // namespace uturn
