// Limits and queues as metrics.
#include "server/capacity_metrics.h"

#include <span>
#include <string>

#include "server/streams/limits.h"

namespace uturn {
namespace {

constexpr std::string_view kQuotaNames[] = {"none", "server", "user", "network", "spent", "realm"};
constexpr std::string_view kBandwidthNames[] = {"allocation", "user", "server", "bytes", "realm"};

std::string limit_name(std::string_view of, std::span<const std::string_view> names, size_t i) {
  return std::string(of) += i < names.size() ? names[i] : "other";
}

}  // namespace

void tell_limits(MetricFamilies& out, const Statistics& sum) {
  const RelayCounters& relay = sum.relay();
  const StreamCounters& streams = sum.streams();
  const auto drops = [&](DropReason why) { return relay.drops_of(why); };
  out.counter("uturn_limits_hit_total", "Times that a limit refused something.");
  out.add(drops(DropReason::answer_rate), {{"limit", "answers_per_second"}});
  out.add(drops(DropReason::pending_full), {{"limit", "pending_requests"}});
  out.add(
      drops(DropReason::icmp_rate) + relay.icmp_drops[static_cast<size_t>(DropReason::icmp_rate)],
      {{"limit", "icmp_errors"}});
  for (size_t i = 1; i < kQuotaLimits; ++i) {
    out.add(relay.quota_refused.at(i), {{"limit", limit_name("quota_", kQuotaNames, i)}});
  }
  for (size_t i = 0; i < kBandwidthLimits; ++i) {
    out.add(relay.bandwidth_drops.at(i), {{"limit", limit_name("bandwidth_", kBandwidthNames, i)}});
  }
  out.add(relay.ports_exhausted, {{"limit", "relay_ports"}});
  out.add(relay.permissions_full, {{"limit", "permissions_per_allocation"}});
  out.add(relay.channels_full, {{"limit", "channels_per_allocation"}});
  out.add(relay.reservations_full, {{"limit", "reservations"}});
  out.add(streams.closed_for(CloseReason::too_many_connections), {{"limit", "connections"}});
  out.add(streams.closed_for(CloseReason::too_many_of_source),
          {{"limit", "connections_per_source"}});
  out.add(streams.closed_for(CloseReason::too_many_handshakes), {{"limit", "handshakes"}});
  out.add(streams.dropped_full, {{"limit", "stream_queue"}});
  out.add(sum.dtls().hellos_refused, {{"limit", "dtls_sessions"}});
}

// What is held at once, and how much room there is.
void tell_queues(MetricFamilies& out, const ServerSample& sample, const StreamCounters& streams) {
  const auto by_worker = [&](uint64_t LoopCounters::* number) {
    for (size_t i = 0; i < sample.shards.size(); ++i) {
      out.add(sample.shards[i].loop.*number, {{"worker", std::to_string(i)}});
    }
  };
  out.gauge("uturn_receive_buffers", "Buffers that datagrams are received into; epoll needs none.");
  by_worker(&LoopCounters::buffers);
  out.gauge("uturn_receive_buffers_held_most", "Most of them that held arrivals at once.");
  by_worker(&LoopCounters::buffers_held_most);
  out.gauge("uturn_ring_entries", "Places in the completion queue of io_uring.");
  by_worker(&LoopCounters::completion_entries);
  out.gauge("uturn_ring_completions_most", "Most completions found in it at once.");
  by_worker(&LoopCounters::completions_most);
  out.counter("uturn_ring_completions_total", "Completions taken from it.");
  by_worker(&LoopCounters::completions);
  out.gauge("uturn_send_queue_entries", "Datagrams that one flush has room for.");
  by_worker(&LoopCounters::send_entries);
  out.gauge("uturn_send_queue_most", "Most datagrams that were flushed at once.");
  by_worker(&LoopCounters::sends_most);
  out.gauge("uturn_worker_messages_waiting", "Messages of others that wait for a worker.");
  for (size_t i = 0; i < sample.messages_waiting.size(); ++i) {
    out.add(sample.messages_waiting[i], {{"worker", std::to_string(i)}});
  }
  out.gauge("uturn_log_events_waiting", "Events that wait to be logged.", sample.events_waiting);
  out.gauge("uturn_stream_queue_bytes", "Memory of what streams hold, in whole blocks.");
  out.add(streams.incoming_blocks * kBlockSize, {{"direction", "in"}});
  out.add(streams.outgoing_blocks * kBlockSize, {{"direction", "out"}});
  out.gauge("uturn_stream_queue_limit_bytes", "As much as they may hold.");
  out.add(sample.shards.size() * kIncomingBlocks * kBlockSize, {{"direction", "in"}});
  out.add(sample.shards.size() * kOutgoingBlocks * kBlockSize, {{"direction", "out"}});
}

}  // namespace uturn
