// Least squares: one straight line.
#include "client/tools/bench/least_squares.h"

namespace uturn {

std::optional<double> slope_per_hour(std::span<const MemorySample> samples) {
  const auto count = static_cast<double>(samples.size());
  double mean_seconds = 0;
  double mean_bytes = 0;
  for (const MemorySample& sample : samples) {
    mean_seconds += sample.seconds / count;
    mean_bytes += static_cast<double>(sample.rss_bytes) / count;
  }
  double covariance = 0;
  double variance = 0;
  for (const MemorySample& sample : samples) {
    const double away = sample.seconds - mean_seconds;
    covariance += away * (static_cast<double>(sample.rss_bytes) - mean_bytes);
    variance += away * away;
  }
  if (variance <= 0) return std::nullopt;
  return covariance / variance * 3600;
}

}  // namespace uturn
