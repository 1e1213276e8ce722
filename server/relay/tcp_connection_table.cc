// Keeping peer data connections.
#include "server/relay/tcp_connection_table.h"

#include <algorithm>

namespace uturn {

// "The attribute's value MUST uniquely identify the peer data connection" (RFC 6062, Section 5.2).
ConnectionId TcpConnectionTable::make_id(Random& random) const {
  for (;;) {
    const auto low = static_cast<uint32_t>(random.next_u64() >> 40);
    const uint32_t value = uint32_t{shard_} << 24 | low;
    if (value != 0 && !connections_.contains(value)) return {value};
  }
}

TcpConnection& TcpConnectionTable::add(const TcpConnection& connection) {
  const auto [at, is_new] = connections_.emplace(connection.id.value, connection);
  CHECK(is_new);
  if (connection.state == TcpConnectionState::connecting) ++connecting_;
  return at->second;
}

TcpConnection* TcpConnectionTable::find(ConnectionId id) {
  const auto found = connections_.find(id.value);
  return found == connections_.end() ? nullptr : &found->second;
}

void TcpConnectionTable::remove(const TcpConnection& connection) {
  if (connection.state == TcpConnectionState::connecting) --connecting_;
  connections_.erase(connection.id.value);
}

void TcpConnectionTable::connected(TcpConnection& connection) {
  CHECK(connection.state == TcpConnectionState::connecting);
  connection.state = TcpConnectionState::unbound;
  --connecting_;
}

std::optional<ConnectionId> TcpAllocation::find(const PeerAddress& peer) const {
  const TransportAddress& wanted = peer;
  const auto found = std::ranges::find_if(connections, [&](const Connection& c) {
    return static_cast<const TransportAddress&>(c.peer) == wanted;
  });
  return found == connections.end() ? std::nullopt : std::optional{found->id};
}

}  // namespace uturn
