// Peer data connections: what ends them, and what ends with them (RFC 6062, Section 5.5).
//
// Also: RFC 6062, Sections 5.2 and 5.3.
#include "server/relay/relay.h"

namespace uturn {

TcpConnection& Relay::add_connection(Allocation& allocation, const TcpConnection& connection) {
  allocation.tcp->connections.push_back({connection.peer, connection.id});
  count_tables(allocation);
  return tcp_connections_.add(connection);
}

void Relay::set_timeout(TcpConnection& connection, Instant expires_at) {
  connection.expires_at = expires_at;
  if (connection.deadline == DeadlineQueue::kNone) {
    connection.deadline = connection_deadlines_.add(expires_at, connection.id.value);
  } else {
    connection_deadlines_.move(connection.deadline, expires_at);
  }
}

void Relay::clear_timeout(TcpConnection& connection) {
  connection_deadlines_.remove(connection.deadline);
  connection.deadline = DeadlineQueue::kNone;
  connection.expires_at = kNever;
}

void Relay::expire_connection(ConnectionId id) {
  TcpConnection* const connection = tcp_connections_.find(id);
  CHECK(connection != nullptr);
  connection->deadline = DeadlineQueue::kNone;
  const bool was_connecting = connection->state == TcpConnectionState::connecting;
  ++(was_connecting ? counters_.tcp_connects_timed_out : counters_.tcp_never_bound);
  end_connection(*connection);
}

std::optional<Resumed> Relay::on_connection_ended(ConnectionId id, Now now) {
  const TcpConnection* const connection = tcp_connections_.find(id);
  if (!connection) return std::nullopt;
  forget_connection(*connection);
  return next_given_up(now);
}

void Relay::end_connection(TcpConnection& connection) {
  world_.tcp->sockets.close(connection.socket);
  forget_connection(connection);
}

void Relay::forget_connection(const TcpConnection& connection) {
  if (connection.deadline != DeadlineQueue::kNone) {
    connection_deadlines_.remove(connection.deadline);
  }
  if (connection.state == TcpConnectionState::connecting) {
    ++counters_.tcp_connects_failed;
    if (const PendingRequest* const waiting = pending_.find(connection.connect)) {
      pending_deadlines_.move(waiting->deadline, kNever);  // next_given_up() ends it
      given_up_.push_back(connection.connect);
    }
  }
  std::erase_if(allocations_.find(connection.allocation)->tcp->connections,
                [&](const TcpAllocation::Connection& each) { return each.id == connection.id; });
  tcp_connections_.remove(connection);
}

// Those of the other family stay: each relayed transport address has its own lifetime.
void Relay::end_connections(Allocation& allocation, AddressFamily family) {
  auto& connections = allocation.tcp->connections;
  for (size_t i = connections.size(); i > 0; --i) {
    const TcpAllocation::Connection each = connections[i - 1];
    if (each.peer.ip.family() == family) end_connection(*tcp_connections_.find(each.id));
  }
}

}  // namespace uturn
