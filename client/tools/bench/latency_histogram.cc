// LatencyHistogram: buckets.
#include "client/tools/bench/latency_histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace uturn {
namespace {

constexpr int kDigits = 10;  // of a time, in bits, after its leading one
constexpr size_t kPerPowerOfTwo = size_t{1} << kDigits;

constexpr int width_of_bucket(uint64_t nanoseconds) {  // as a power of two
  return std::max(0, static_cast<int>(std::bit_width(nanoseconds)) - 1 - kDigits);
}

}  // namespace

LatencyHistogram::LatencyHistogram()
    : buckets_(bucket_of(static_cast<uint64_t>(kHighest.count())) + 1) {}

void LatencyHistogram::record(Duration latency) {
  latency = std::clamp(latency, kLowest, kHighest);
  const auto nanoseconds = static_cast<uint64_t>(latency.count());
  ++buckets_[bucket_of(nanoseconds)];
  ++count_;
  sum_ += nanoseconds;
  min_ = std::min(min_, latency);
  max_ = std::max(max_, latency);
}

void LatencyHistogram::merge(const LatencyHistogram& other) {
  for (size_t i = 0; i < buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  sum_ += other.sum_;
  min_ = std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
}

Duration LatencyHistogram::min() const { return count_ == 0 ? Duration{} : min_; }

Duration LatencyHistogram::mean() const {
  return Duration{count_ == 0 ? 0 : static_cast<int64_t>(sum_ / count_)};
}

Duration LatencyHistogram::value_at_percentile(double percentile) const {
  const double share = std::clamp(percentile, 0.0, 100.0) / 100;
  const auto wanted = static_cast<uint64_t>(std::ceil(share * static_cast<double>(count_)));
  const uint64_t rank = std::clamp<uint64_t>(wanted, 1, std::max<uint64_t>(count_, 1));
  uint64_t seen = 0;
  for (size_t i = 0; i < buckets_.size(); ++i) {
    seen += buckets_[i];
    if (seen >= rank) return std::min(Duration{static_cast<int64_t>(longest_in(i))}, max_);
  }
  return {};
}

size_t LatencyHistogram::bucket_of(uint64_t nanoseconds) {
  const int width = width_of_bucket(nanoseconds);
  return static_cast<size_t>(width) * kPerPowerOfTwo + (nanoseconds >> width);
}

uint64_t LatencyHistogram::longest_in(size_t bucket) {
  if (bucket < 2 * kPerPowerOfTwo) return bucket;
  const size_t width = bucket / kPerPowerOfTwo - 1;
  const uint64_t leading_digits = bucket - width * kPerPowerOfTwo;
  return ((leading_digits + 1) << width) - 1;
}

}  // namespace uturn
