// Who may be talked to: the policy, and the relayed transport addresses of this server.
#include "server/relay/relay.h"

namespace uturn {

// A relayed transport address of ours is always a legal peer: which of its ports are, each datagram
// asks the held ports. A service of ours never is (CVE-2020-26262 and its kin end here).
Result<Relay::Peer, ErrorCode> Relay::admit(const PeerAddress& shown,
                                            const Allocation& allocation) {
  if (!allocation.side(shown.ip.family())) return Failure{ErrorCode::peer_address_family_mismatch};
  const PeerAddress peer = peer_address(settings_.external.inward(shown, world_.ports.held()));

  if (world_.ports.held().is_relay_address(peer.ip)) return Peer{peer, PeerCheck::each_port};
  const PeerDecision decision = world_.policy.decide(peer.ip);
  if (!decision.is_permitted()) {
    ++counters_.peers_denied;
    world_.observer.on_peer_denied(decision);
    return Failure{ErrorCode::forbidden};
  }
  const bool has_services = world_.policy.has_own_service(peer.ip);
  return Peer{peer, has_services ? PeerCheck::each_port : PeerCheck::none};
}

bool Relay::may_pass(PeerCheck check, const PeerAddress& peer) const {
  if (check == PeerCheck::none) return true;
  return world_.ports.held().is_held(peer) || world_.policy.decide(peer).is_permitted();
}

}  // namespace uturn
