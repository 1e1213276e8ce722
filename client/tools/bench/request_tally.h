// RequestTally: requests begun, answered and lost, and how long the answers took.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "client/failure.h"
#include "client/tools/bench/latency_histogram.h"
#include "client/tools/bench/report.h"

namespace uturn {

struct RequestTally {
  uint64_t begun = 0;
  uint64_t succeeded = 0;
  std::map<std::string, uint64_t> failed{};
  uint64_t retransmissions = 0;
  LatencyHistogram latency{};  ///< of those that succeeded, from when they were to begin

  uint64_t count_failed() const;
};

/// How a failure is counted: "486", "timeout", "unreachable".
std::string tally_name(const RequestFailure& failure);

RequestReport report_of(const RequestTally& tally, Duration measured);

}  // namespace uturn
