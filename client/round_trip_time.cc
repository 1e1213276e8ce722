// RoundTripTime: the estimator of RFC 6298.
#include "client/round_trip_time.h"

#include <algorithm>

namespace uturn {

void RoundTripTime::sample(Duration round_trip, Now now) {
  if (!has_sample_) {
    smoothed_ = round_trip;
    variation_ = round_trip / 2;
  } else {
    const Duration error = smoothed_ > round_trip ? smoothed_ - round_trip : round_trip - smoothed_;
    variation_ = (3 * variation_ + error) / 4;
    smoothed_ = (7 * smoothed_ + round_trip) / 8;
  }
  has_sample_ = true;
  sampled_at_ = now.monotonic;
}

Duration RoundTripTime::rto(Now now) const {
  if (!has_sample_ || now.monotonic - sampled_at_ >= kStaleAfter) return initial_rto_;
  const Duration rto = smoothed_ + std::max(kGranularity, 4 * variation_);
  return std::clamp(rto, initial_rto_, std::max(initial_rto_, kMaxRto));
}

}  // namespace uturn
