// RelayCounts: sums and rates.
#include "client/tools/bench/relay_counts.h"

namespace uturn {
namespace {

constexpr double kBehindShare = 0.05;  // of the packets: beyond it the schedule was not kept

uint64_t nanoseconds(Duration duration) { return static_cast<uint64_t>(duration.count()); }

LegReport leg_of(const LegCounts& counts) {
  LegReport leg{.sent = counts.sent,
                .received = counts.received,
                .lost = counts.sent - std::min(counts.sent, counts.received)};
  if (counts.latency.count() > 0) leg.latency = summary_of(counts.latency);
  return leg;
}

}  // namespace

void LegCounts::merge(const LegCounts& other) {
  sent += other.sent;
  received += other.received;
  bytes_received += other.bytes_received;
  latency.merge(other.latency);
}

void RelayCounts::merge(const RelayCounts& other) {
  to_peer.merge(other.to_peer);
  to_client.merge(other.to_client);
  round_trip.merge(other.round_trip);
  duplicates += other.duplicates;
  reordered += other.reordered;
  unknown += other.unknown;
  late += other.late;
  unsent += other.unsent;
  generator_drops += other.generator_drops;
}

LatencySummary summary_of(const LatencyHistogram& histogram) {
  const auto at = [&](double percentile) {
    return nanoseconds(histogram.value_at_percentile(percentile));
  };
  return {.count = histogram.count(),
          .min = nanoseconds(histogram.min()),
          .mean = static_cast<double>(histogram.mean().count()),
          .p50 = at(50),
          .p90 = at(90),
          .p99 = at(99),
          .p99_9 = at(99.9),
          .max = nanoseconds(histogram.max())};
}

RelayReport report_of(const RelayCounts& counts, const BenchOptions& options, double seconds) {
  RelayReport report;
  if (options.direction != RelayDirection::to_client) report.to_peer = leg_of(counts.to_peer);
  if (options.direction != RelayDirection::to_peer) report.to_client = leg_of(counts.to_client);
  if (counts.round_trip.count() > 0) report.round_trip = summary_of(counts.round_trip);
  report.sent = counts.to_peer.sent + counts.to_client.sent;
  report.received = counts.to_peer.received + counts.to_client.received;
  report.lost = report.sent - std::min(report.sent, report.received);
  report.duplicates = counts.duplicates;
  report.reordered = counts.reordered;
  report.unknown = counts.unknown;
  report.packets_per_second = static_cast<double>(report.received) / seconds;
  const uint64_t bytes = counts.to_peer.bytes_received + counts.to_client.bytes_received;
  report.payload_bits_per_second = static_cast<double>(bytes) * 8 / seconds;
  report.late = counts.late + counts.unsent;
  // An echo is sent when its packet comes: only what the generator begins has a time to be kept.
  const uint64_t begun =
      options.direction == RelayDirection::echo ? counts.to_peer.sent : report.sent;
  report.generator_behind =
      static_cast<double>(report.late) > kBehindShare * static_cast<double>(begun + counts.unsent);
  report.generator_drops = counts.generator_drops;
  return report;
}

}  // namespace uturn
