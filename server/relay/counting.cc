// Counting what allocations are and relay: plain integers of the shard's thread.
#include "server/relay/counting.h"

#include <numeric>

namespace uturn {

RelayCounters Relay::counters() const {
  RelayCounters counters = counters_;
  const FamilyTraffic relayed = traffic_.total();
  counters.to_peers = relayed.to_peers.packets;
  counters.to_clients = relayed.to_clients.packets;
  counters.forwards = counters.to_peers + counters.to_clients;
  counters.bytes_to_peers = relayed.to_peers.bytes;
  counters.bytes_to_clients = relayed.to_clients.bytes;
  counters.datagrams_in = std::accumulate(counters.drops.begin(), counters.drops.end(),
                                          counters.answers + counters.forwards + counters.defers);
  return counters;
}

void Relay::count_made(Allocation& allocation) {
  const FiveTuple& five_tuple = allocation.five_tuple;
  TrafficClass& of = traffic_.of(five_tuple.server, five_tuple.transport,
                                 realms_->name_of(allocation.identity.realm));
  allocation.traffic_class = &of;
  for (const AddressFamily family : {AddressFamily::ipv4, AddressFamily::ipv6}) {
    if (auto& side = allocation.side(family)) side->alike = &of.of(family);
  }
  ++of.allocations_made;
  ++of.allocations;
  ++counters_.allocations_made;
}

// Whatever changes permissions or channels, sweeping among it, comes by here.
void Relay::count_tables(Allocation& allocation) {
  size_t permissions = 0;
  for (const AddressFamily family : {AddressFamily::ipv4, AddressFamily::ipv6}) {
    if (allocation.side(family)) permissions += allocation.permissions(family).size();
  }
  const size_t channels = allocation.channels.size();
  counters_.permissions += permissions - allocation.permissions_counted;
  counters_.channels += channels - allocation.channels_counted;
  allocation.permissions_counted = static_cast<uint32_t>(permissions);
  allocation.channels_counted = static_cast<uint32_t>(channels);

  const bool is_permitted =
      permissions > 0 || (allocation.tcp && !allocation.tcp->connections.empty());
  if (is_permitted && !allocation.was_permitted) {
    allocation.was_permitted = true;
    ++counters_.allocations_permitted;
  }
}

// A stream has no packets to be counted.
void Relay::count_joined(Allocation& allocation, AddressFamily family, Towards towards,
                         size_t bytes, Now now) {
  FamilyTraffic& alike = allocation.traffic_class->of(family);
  Traffic& traffic = allocation.traffic;
  if (towards == Towards::peer) {
    traffic.bytes_to_peers += bytes;
    traffic.client_heard_at = now.monotonic;
    alike.to_peers.bytes += bytes;
  } else {
    traffic.bytes_to_client += bytes;
    traffic.peer_heard_at = now.monotonic;
    alike.to_clients.bytes += bytes;
  }
}

void Relay::count_ended(Allocation& allocation, EndReason why) {
  counters_.permissions -= allocation.permissions_counted;
  counters_.channels -= allocation.channels_counted;
  --allocation.traffic_class->allocations;
  if (!allocation.was_used) ++counters_.allocations_never_used;
  if (why == EndReason::stopped) ++counters_.allocations_stopped;
}

void Relay::count_result(const MessageView& request, std::optional<ErrorCode> error) {
  if (error) ++counters_.errors[static_cast<size_t>(*error)];
  counters_.results.count(request.method(), error);
}

}  // namespace uturn
