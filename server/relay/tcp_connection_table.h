// TcpConnectionTable: the peer data connections of a shard, by CONNECTION-ID (RFC 6062).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "auth/random.h"
#include "protocol/time.h"
#include "protocol/transport_address.h"
#include "server/relay/deadline_queue.h"
#include "server/relay/outcome.h"
#include "server/relay/permission_table.h"
#include "server/relay/tcp_sockets.h"

namespace uturn {

enum class TcpConnectionState : uint8_t {
  connecting,  ///< a Connect waits for it
  unbound,     ///< waits for its ConnectionBind
  bound,       ///< joined with a client data connection: lives as long as both, and the allocation
};

/// A connection between a relayed transport address and a peer.
struct TcpConnection {
  ConnectionId id;
  AllocationId allocation;
  PeerAddress peer;  ///< as it is here
  SocketId socket;
  TcpConnectionState state = TcpConnectionState::connecting;
  PendingId connect;            ///< the Connect that waits for it
  Instant expires_at = kNever;  ///< unless it is connected, or bound, by then
  DeadlineQueue::Handle deadline = DeadlineQueue::kNone;
};

/// Bounded by who adds (`Limits::tcp_connections`). An id is four bytes: the first names the shard,
/// so that a ConnectionBind, whose connection may be any shard's, finds its way; the other three
/// are random, so that nobody binds what was not told to him.
class TcpConnectionTable {
 public:
  explicit TcpConnectionTable(uint8_t shard) : shard_(shard) {}

  static uint8_t shard_of(ConnectionId id) { return static_cast<uint8_t>(id.value >> 24); }

  ConnectionId make_id(Random& random) const;  ///< never zero, and nobody's
  TcpConnection& add(const TcpConnection& connection);
  TcpConnection* find(ConnectionId id);
  void remove(const TcpConnection& connection);
  void connected(TcpConnection& connection);  ///< from `connecting` to `unbound`

  size_t size() const { return connections_.size(); }
  size_t connecting() const { return connecting_; }

 private:
  uint8_t shard_;
  size_t connecting_ = 0;
  std::unordered_map<uint32_t, TcpConnection> connections_;  // keys are ours and random
};

/// What an allocation whose relayed transport addresses are TCP's has besides. Its permissions
/// stand here and not with its sides, so that a Send indication finds none: a datagram is nothing
/// that could be sent from it.
struct TcpAllocation {
  struct Connection {
    PeerAddress peer;
    ConnectionId id;
  };
  std::array<PermissionTable, 2> permissions;  ///< IPv4, IPv6
  std::vector<Connection> connections;         ///< at most Limits::tcp_connections_per_allocation

  /// A relayed transport address has at most one connection to a peer's (RFC 6062, Section 3).
  std::optional<ConnectionId> find(const PeerAddress& peer) const;
};

}  // namespace uturn
