// Connecting busy peers: what both kernel loops do about the vote of BusyPeers.
#pragma once

#include <utility>

#include "io/busy_peers.h"
#include "io/socket_table.h"
#include "io/udp_socket.h"

namespace uturn {

/// Between two passes, when nothing is queued. `watch(UdpSocket, OpenSocket)` puts a twin into the
/// table and has it received from; it returns an invalid id where there is no room.
template <class Watch>
void connect_busy_peers(BusyPeers& busy, SocketTable& sockets, LoopCounters& counters, Instant now,
                        Watch watch) {
  const auto open = [&](SocketId owner) -> SocketId {
    const OpenSocket* socket = sockets.find(owner);
    if (!socket || socket->is_wildcard()) return {};
    auto twin = UdpSocket::open_twin(socket->fd);
    if (!twin) return {};
    return watch(
        std::move(*twin),
        OpenSocket{
            .is_connected = true, .tag = socket->tag, .address = socket->address, .owner = owner});
  };
  const auto connect = [&](SocketId twin, const BusyPeers::Peer& peer) {
    const IpFields ip{peer.dscp, peer.ecn, peer.ttl, false, {}};
    const bool is_connected = connect_twin(sockets.find(twin)->fd, peer.to, ip);
    counters.peers_connected += is_connected;
    return is_connected;
  };
  busy.connect_busy(now, open, connect);
  counters.twins = busy.twins();
}

}  // namespace uturn
