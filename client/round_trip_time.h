// RoundTripTime: from measured round trips to the next transaction's RTO (RFC 8489, Section 6.2.1;
// RFC 6298, Section 2).
#pragma once

#include "protocol/time.h"

namespace uturn {

/// One server's. Never below the initial RTO, which the RFC wants to be 500 ms at least; grows
/// where the path is slower than that.
class RoundTripTime {
 public:
  explicit RoundTripTime(Duration initial_rto) : initial_rto_(initial_rto) {}

  void sample(Duration round_trip, Now now);
  /// What was learned is stale when nothing was measured for ten minutes.
  Duration rto(Now now) const;

 private:
  static constexpr Duration kGranularity = 1ms;
  static constexpr Duration kMaxRto = 60s;  ///< RFC 6298, Section 2.5
  static constexpr Duration kStaleAfter = 10min;

  Duration initial_rto_;
  Duration smoothed_{};   ///< SRTT
  Duration variation_{};  ///< RTTVAR
  Instant sampled_at_{};
  bool has_sample_ = false;
};

}  // namespace uturn
