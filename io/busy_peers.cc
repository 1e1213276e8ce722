// The rarer halves of the vote.
#include "io/busy_peers.h"

namespace uturn {

// The last vote for a candidate is gone: whoever comes now is the next one. The twin stays
// connected where it was until the new one has become busy.
void BusyPeers::vote_against(Peer& peer, const OutgoingDatagram& datagram) {
  if (peer.votes > 0) {
    --peer.votes;
    return;
  }
  const IpFields& ip = datagram.ip;
  peer = {datagram.to, ip.dscp, ip.ecn, ip.ttl, false, 1, peer.twin};
}

void BusyPeers::forget(SocketId owner) {
  Peer& peer = peers_[owner.slot];
  if (peer.twin.is_valid()) --twins_;
  peer = Peer{};
}

}  // namespace uturn
