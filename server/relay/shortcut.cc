// Shortcut: between two allocations of this server a datagram need not pass the kernel.
//
// Nothing else differs from the way through it: the receiving allocation checks its permission for
// the sender's relayed address, two relays take two hops off the TTL, and both count (RFC 8656,
// Sections 9, 11.2, 11.3 and 14).
#include "server/relay/relay.h"

namespace uturn {

// A datagram that asks for DF goes through the kernel, which alone knows the path's MTU.
Outcome Relay::to_own_address(const Forward& forward, const RelayedAddress& from) const {
  if (!settings_.shortcut) return forward;
  if (forward.ip.dont_fragment) return forward;
  const auto owner = held_.owner_of(forward.to);
  if (!owner) return forward;
  return Shortcut{forward, peer_address(from), owner->shard};
}

// One hop only: what comes out goes to a client, never to a peer.
Outcome Relay::take(const Shortcut& shortcut, const Packet& packet, Now now) {
  if (shortcut.shard != settings_.shard) {
    ++counters_.shortcuts_away;
    return shortcut;
  }
  ++counters_.shortcuts_here;
  const Forward& forward = shortcut.forward;
  return on_shortcut(shortcut.from, peer_address(forward.to), forward.ip,
                     packet.inner(forward.payload), now);
}

// From another shard it may come late: the port may be nobody's by now, or somebody else's.
Outcome Relay::on_shortcut(const PeerAddress& from, const PeerAddress& to, const IpFields& ip,
                           const Packet& packet, Now now) {
  ++counters_.shortcuts_in;
  const auto owner = held_.owner_of(to);
  const bool is_ours = owner && owner->shard == settings_.shard;
  const RelayTag tag{is_ours ? owner->allocation : AllocationId{}, to.ip.family()};
  return on_peer_packet(tag, from, ip, packet, now);
}

// A permission may name no port (RFC 8656, Section 10.1: it is ignored): then any shard may be
// meant.
void Relay::expect_shortcuts(const Peer& peer) {
  if (!settings_.shortcut || !held_.is_relay_address(peer.address.ip)) return;
  const auto owner = held_.owner_of(peer.address);
  for (uint8_t shard = 0; shard < settings_.shards; ++shard) {
    if (shard == settings_.shard) continue;
    const bool is_meant = owner ? owner->shard == shard : peer.address.port == 0;
    if (is_meant) world_.others.expect_shortcuts_to(shard);
  }
}

}  // namespace uturn
