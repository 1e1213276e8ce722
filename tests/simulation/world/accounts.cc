// Adding up what the shards counted, and looking into their tables.
#include "tests/simulation/world/accounts.h"

#include <numeric>

namespace uturn {
namespace {

class Findings {
 public:
  void require(bool holds, std::string otherwise) {
    if (!holds) found_.push_back(std::move(otherwise));
  }
  std::vector<std::string> take() { return std::move(found_); }

 private:
  std::vector<std::string> found_;
};

}  // namespace

std::vector<std::string> wrong_fates(const SimulatedServer& server) {
  Findings findings;
  uint64_t crossing = 0;
  for (const auto& shard : server.shards()) {
    crossing += shard->shortcut_counters().sent - shard->shortcut_counters().received;
    const RelayCounters relay = shard->relay_counters();
    const uint64_t dropped = std::accumulate(relay.drops.begin(), relay.drops.end(), uint64_t{0});
    const uint64_t icmp_dropped = shard->loop_counters().icmp_errors - relay.icmp_told;
    // Of a connection that moved, the other shard counts the frame.
    const uint64_t frames = shard->stream_counters().frames_in - relay.handed_over;
    findings.require(
        relay.datagrams_in == shard->loop_counters().datagrams_in + relay.shortcuts_in + frames,
        "a datagram or a frame met no relay");
    findings.require(relay.datagrams_in + icmp_dropped ==
                         dropped + relay.answers + relay.forwards + relay.defers,
                     "a datagram had no fate, or two");
    findings.require(
        relay.defers - relay.pending_joined == relay.resumed_answers + relay.resumed_drops +
                                                   relay.pending_expired + shard->relay().pending(),
        "a deferred request did not end once");
  }
  findings.require(crossing == 0, "a datagram was lost between two shards");
  return findings.take();
}

std::vector<std::string> remains(const SimulatedServer& server) {
  Findings findings;
  findings.require(server.ports_taken() == 0, "ports are still taken");
  findings.require(server.quota_held() == 0, "quota is still held");
  findings.require(server.open_relay_sockets() == 0, "relay sockets are still open");
  findings.require(SimulatedLoop::loose_sockets_left() == 0,
                   "a reservation's socket was left open");
  for (const auto& shard : server.shards()) {
    const Relay& relay = shard->relay();
    findings.require(relay.allocations() == 0, "allocations outlived their lifetime");
    findings.require(relay.reservations() == 0, "reservations outlived their lifetime");
    findings.require(relay.pending() == 0, "deferred requests outlived their lifetime");
    findings.require(shard->stream_counters().connections == 0, "a client's connection is left");
    findings.require(relay.tcp_connections() == 0, "a peer's connection is left");
    findings.require(shard->next_deadline() == kNever, "a deadline is left without anything due");
  }
  return findings.take();
}

}  // namespace uturn
