// Who may be talked to: the policy, and the relayed transport addresses of this server.
//
// Also: RFC 8656, Section 19.
#include "server/relay/relay.h"

namespace uturn {

// A relayed transport address of ours is always a legal peer: which of its ports are, each datagram
// asks the held ports. A service of ours never is (CVE-2020-26262 and its kin end here).
Result<Relay::Peer, ErrorCode> Relay::admit(const PeerAddress& shown,
                                            const Allocation& allocation) {
  const PeerAddress peer = peer_address(settings_.external.inward(shown, held_by(allocation)));
  if (!allocation.side(peer.ip.family())) return Failure{ErrorCode::peer_address_family_mismatch};
  if (is_tunneled(peer.ip)) {
    ++counters_.peers_denied;
    return Failure{ErrorCode::forbidden};
  }

  if (held_.is_relay_address(peer.ip)) return Peer{peer, PeerCheck::each_port};
  const PeerDecision decision = policy_of(allocation).decide(peer.ip);
  if (!decision.is_permitted()) {
    ++counters_.peers_denied;
    world_.observer.on_peer_denied(decision);
    return Failure{ErrorCode::forbidden};
  }
  const bool has_services = policy_of(allocation).has_own_service(peer.ip);
  return Peer{peer, has_services ? PeerCheck::each_port : PeerCheck::none};
}

// Who floods an allocation that permits nobody costs this server nothing: its socket is not read.
bool Relay::receives_from_peers(Allocation& allocation, AddressFamily family) {
  const RelayedSide& side = *allocation.side(family);
  bool& receives = allocation.receives[Allocation::index_of(family)];
  if (!receives) receives = world_.sockets.begin_receiving(side.socket, side.port.address());
  return receives;
}

// Teredo and 6to4: a tunnel's end would multiply what is sent there (RFC 8656, Section 21.4). No
// configuration can allow them.
bool Relay::is_tunneled(const IpAddress& ip) {
  if (ip.is_v4()) return false;
  const uint32_t prefix = load_be32(ip.bytes().data());
  return prefix == 0x2001'0000 || prefix >> 16 == 0x2002;
}

bool Relay::may_pass_at_port(const PeerAddress& peer, const Allocation& allocation) const {
  return held_.is_held(peer) || policy_of(allocation).decide(peer).is_permitted();
}

// A connection is no datagram: what counts is who relays TCP at that port.
bool Relay::may_connect(const Allocation& allocation, const Peer& peer) const {
  if (peer.check == PeerCheck::none) return true;
  return held_by(allocation).is_held(peer.address) ||
         policy_of(allocation).decide(peer.address).is_permitted();
}

const HeldPorts& Relay::held_by(const Allocation& allocation) const {
  return allocation.tcp ? world_.tcp->ports.held() : held_;
}

}  // namespace uturn
