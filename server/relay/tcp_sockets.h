// TcpSockets: how the relay has TCP relayed transport addresses listened on, and peers connected
// to.
#pragma once

#include <cstdint>

#include "protocol/result.h"
#include "protocol/transport_address.h"
#include "server/relay/relay_sockets.h"

namespace uturn {

class RelayPorts;

/// The value of CONNECTION-ID: names a peer data connection (RFC 6062, Section 6.2.1).
struct ConnectionId {
  uint32_t value = 0;
  friend bool operator==(const ConnectionId&, const ConnectionId&) = default;
};

/// Asked by requests and when connections come and go, never for bytes: those go from one
/// connection to the other without the relay. A peer data connection is not read before it is
/// joined: what the peer sends meanwhile waits in its receive buffer, and the window that closes is
/// the limit that RFC 6062, Section 7 asks for. The shard implements it on its streams.
class TcpSockets {
 public:
  virtual ~TcpSockets() = default;

  /// Every connection that is accepted goes to Relay::on_peer_connection, with `tag`.
  virtual Result<SocketId, SocketFailure> listen(const RelayedAddress& address, RelayTag tag) = 0;
  /// What has been accepted goes on. What nobody has accepted yet is reset.
  virtual void stop_listening(SocketId listener) = 0;

  /// Begins a connection from an address that is listened on (so both sockets share their port).
  /// Ends once, and never before this call returns: by Relay::on_connected or
  /// Relay::on_connection_ended.
  virtual Result<SocketId, SocketFailure> connect(const RelayedAddress& from, const PeerAddress& to,
                                                  ConnectionId id) = 0;
  /// A connection that was accepted is to live: its end is told as that of `id`.
  virtual void keep(SocketId peer, ConnectionId id) = 0;

  /// `client`, the Arrival::listener of a ConnectionBind, is a client data connection from now on:
  /// first the answer that the relay is about to return, then bytes, both ways, as they are; what
  /// stands behind the request already is the first of them. When either end has closed or failed,
  /// the other is closed too, after what was read for it, and Relay::on_connection_ended is told.
  virtual void join(SocketId client, SocketId peer, ConnectionId id) = 0;

  /// Ends a peer data connection, and the client data connection that it is joined with. Of this
  /// end nothing is told.
  virtual void close(SocketId peer) = 0;
};

/// What TCP allocations stand on. The ports are of the same addresses as those of UDP, and lent by
/// pools of their own: a TCP port and a UDP port of one number have nothing to do with each other.
struct TcpRelaying {
  RelayPorts& ports;
  TcpSockets& sockets;
};

}  // namespace uturn
