// coturn's names, filled from our counters.
#include "server/coturn_metrics.h"

#include <array>
#include <map>
#include <string>

namespace uturn {
namespace {

// From the client's side coturn calls what it receives rcv and what it sends sent; "peer" is the
// other side.
void tell_flows(MetricFamilies& out, const std::string& prefix, const std::string& what,
                const std::map<std::string, FamilyTraffic>& by_realm, bool has_realms) {
  const auto tell = [&](const std::string& name, Flow FamilyTraffic::* flow,
                        Counter Flow::* number) {
    out.counter(prefix + name, what);
    for (const auto& [realm, traffic] : by_realm) {
      const auto value = traffic.*flow.*number;
      if (has_realms) {
        out.add(value, {{"realm", realm}});
      } else {
        out.add(value);
      }
    }
  };
  tell("rcvp", &FamilyTraffic::to_peers, &Flow::packets);
  tell("rcvb", &FamilyTraffic::to_peers, &Flow::bytes);
  tell("sentp", &FamilyTraffic::to_clients, &Flow::packets);
  tell("sentb", &FamilyTraffic::to_clients, &Flow::bytes);
  tell("peer_rcvp", &FamilyTraffic::to_clients, &Flow::packets);
  tell("peer_rcvb", &FamilyTraffic::to_clients, &Flow::bytes);
  tell("peer_sentp", &FamilyTraffic::to_peers, &Flow::packets);
  tell("peer_sentb", &FamilyTraffic::to_peers, &Flow::bytes);
}

void add_up(FamilyTraffic& sum, const FamilyTraffic& part) {
  sum.to_peers.add(part.to_peers);
  sum.to_clients.add(part.to_clients);
}

}  // namespace

void tell_in_coturn_names(MetricFamilies& out, const ServerSample& sample, const Statistics& sum) {
  const RelayCounters& relay = sum.relay();
  const uint64_t bindings = relay.results.of(Method::binding, 0);
  const uint64_t refused = relay.results.of(Method::binding, 420);
  out.counter("stun_binding_request", "Incoming STUN Binding requests", bindings + refused);
  out.counter("stun_binding_response", "Outgoing STUN Binding responses", bindings);
  out.counter("stun_binding_error", "STUN Binding errors", refused);
  const uint64_t challenged = relay.errors[static_cast<size_t>(ErrorCode::unauthenticated)];
  const uint64_t silent = relay.drops_of(DropReason::answer_rate);
  out.counter("turn_unauthenticated_401_requests", "Requests without credentials",
              challenged + silent);
  out.counter("turn_unauthenticated_401_responses", "401 responses", challenged);
  out.counter("turn_unauthenticated_401_dropped_responses", "401 responses not sent", silent);

  std::map<std::string, FamilyTraffic> by_realm;
  std::map<std::string, FamilyTraffic> total{{"", {}}};
  std::map<std::string, uint64_t> allocations{{"UDP", 0}, {"TCP", 0}, {"TLS/TCP", 0}, {"DTLS", 0}};
  constexpr std::array kTypes = {"UDP", "TCP", "TLS/TCP", "DTLS"};
  for (const ShardSample& shard : sample.shards) {
    for (const TrafficClass& part : shard.traffic) {
      for (const FamilyTraffic& family : part.families) {
        add_up(by_realm[part.realm], family);
        add_up(total.begin()->second, family);
      }
      allocations[kTypes.at(static_cast<size_t>(part.transport))] += part.allocations;
    }
  }
  tell_flows(out, "turn_traffic_", "Traffic by realm", by_realm, true);
  tell_flows(out, "turn_total_traffic_", "Traffic of all realms", total, false);
  out.gauge("turn_total_allocations", "Allocations by the transport of their client");
  for (const auto& [type, number] : allocations) out.add(number, {{"type", type}});
  uint64_t dropped = 0;
  for (const uint64_t drops : relay.drops) dropped += drops;
  out.counter("turn_packet_processed", "Datagrams relayed or answered",
              relay.forwards + relay.answers);
  out.counter("turn_packet_dropped", "Datagrams dropped", dropped);
}

}  // namespace uturn
