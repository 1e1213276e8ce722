// RelayCounts: what the threads of the generator counted, on its way into the report.
#pragma once

#include <cstdint>

#include "client/tools/bench/latency_histogram.h"
#include "client/tools/bench/report.h"

namespace uturn {

struct LegCounts {
  uint64_t sent = 0;
  uint64_t received = 0;
  uint64_t bytes_received = 0;  ///< of payload
  LatencyHistogram latency{};

  void merge(const LegCounts& other);
};

/// Packets count by the time of their stamp: what was to be sent in the measured time, whenever it
/// arrived.
struct RelayCounts {
  LegCounts to_peer{};
  LegCounts to_client{};
  LatencyHistogram round_trip{};
  uint64_t duplicates = 0;
  uint64_t reordered = 0;
  uint64_t unknown = 0;
  uint64_t late = 0;
  uint64_t unsent = 0;
  uint64_t generator_drops = 0;

  void merge(const RelayCounts& other);
};

LatencySummary summary_of(const LatencyHistogram& histogram);
/// `seconds`: of the measured time.
RelayReport report_of(const RelayCounts& counts, const BenchOptions& options, double seconds);

}  // namespace uturn
