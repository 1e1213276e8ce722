// LatencyHistogram: many times in little memory, three significant digits each.
//
// Debian 12 has HdrHistogram for Java and Go only, so these are its log-linear buckets anew.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "protocol/time.h"

namespace uturn {

/// Times from 1 ns to 100 s; what lies outside counts as the nearest of these. The memory, about
/// 220 KiB, is taken once: recording allocates nothing.
///
/// Up to 2047 ns every nanosecond has its own bucket. Above, each power of two has 1024 of them, so
/// that a bucket is never wider than a 1024th of what it holds:
///
///   0 … 2047      2048 … 4095     4096 … 8191         …   2^36 … 100 s
///   1 ns each     2 ns each       4 ns each               2^26 ns each
class LatencyHistogram {
 public:
  static constexpr Duration kLowest = 1ns;
  static constexpr Duration kHighest = 100s;

  LatencyHistogram();

  void record(Duration latency);
  void merge(const LatencyHistogram& other);

  uint64_t count() const { return count_; }
  // Exact, and zero where nothing was recorded.
  Duration min() const;
  Duration max() const { return max_; }
  Duration mean() const;

  /// No more than `percentile` % of the recorded times are longer: the longest time of that
  /// bucket, yet never more than max(). Zero where nothing was recorded.
  Duration value_at_percentile(double percentile) const;

 private:
  static size_t bucket_of(uint64_t nanoseconds);
  static uint64_t longest_in(size_t bucket);

  std::vector<uint64_t> buckets_;
  uint64_t count_ = 0;
  uint64_t sum_ = 0;
  Duration min_ = kHighest;
  Duration max_{};
};

}  // namespace uturn
