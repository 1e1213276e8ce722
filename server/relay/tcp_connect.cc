// Connect: a connection from a TCP relayed transport address to a peer (RFC 6062, Section 5.2).
//
// Also: RFC 6062, Sections 3, 4.3 and 6.2.1.
#include "server/relay/relay.h"

namespace uturn {

// No permission is asked for, and none comes of it: whom the client names it may reach, if the
// policy allows. Answered when the peer has been reached, or has not.
Outcome Relay::connect(const Request& request) {
  Allocation& allocation = *request.allocation;
  if (!allocation.tcp) return reject(request, ErrorCode::allocation_mismatch);

  const auto attribute = request.message.find(AttributeType::xor_peer_address);
  const auto shown = attribute
                         ? decode_xor_address(attribute->value, request.message.transaction_id())
                         : std::nullopt;
  if (!shown || shown->port == 0) return reject(request, ErrorCode::bad_request);
  const HeldPorts& held = held_by(allocation);
  if (allocation.tcp->find(peer_address(settings_.external.inward(*shown, held)))) {
    return reject(request, ErrorCode::connection_already_exists);
  }

  const auto peer = admit(peer_address(*shown), allocation);
  if (!peer) return reject(request, peer.error());
  if (!may_connect(allocation, *peer)) return reject(request, ErrorCode::forbidden);
  const bool may_wait =
      tcp_connections_.connecting() < settings_.limits.pending_requests / kConnectShare;
  if (!may_wait || !has_room_for_connection(allocation)) {
    return reject(request, ErrorCode::insufficient_capacity);
  }

  // The connection's own deadline comes first: 447 is an answer, expiring is none.
  const Outcome outcome = defer(request.arrival, request.message, {}, request.proof, request.now,
                                kConnectTimeout + kPendingLifetime);
  const auto* deferred = std::get_if<Defer>(&outcome);
  if (!deferred) return reject(request, ErrorCode::insufficient_capacity);

  const RelayedAddress& from = allocation.side(peer->address.ip.family())->port.address();
  const ConnectionId id = tcp_connections_.make_id(world_.random);
  const auto socket = world_.tcp->sockets.connect(from, peer->address, id);
  if (!socket) {
    forget(*pending_.find(deferred->id));
    ++counters_.tcp_connects_failed;
    return reject(request, ErrorCode::connection_timeout_or_failure);
  }
  TcpConnection& connection = add_connection(allocation, {.id = id,
                                                          .allocation = allocation.id,
                                                          .peer = peer->address,
                                                          .socket = *socket,
                                                          .connect = deferred->id});
  set_timeout(connection, request.now.monotonic + kConnectTimeout);
  return outcome;
}

std::optional<Resumed> Relay::on_connected(ConnectionId id, Now now) {
  TcpConnection* const connection = tcp_connections_.find(id);
  if (!connection || connection->state != TcpConnectionState::connecting) return std::nullopt;
  Allocation& allocation = *allocations_.find(connection->allocation);
  if (is_past(allocation.expires_at(), now)) {
    sweep(allocation, now);
    return next_given_up(now);
  }

  tcp_connections_.connected(*connection);
  set_timeout(*connection, now.monotonic + kBindTimeout);
  ++counters_.tcp_connected;
  PendingRequest* const waiting = pending_.find(connection->connect);
  if (!waiting) return std::nullopt;  // nobody is told the id: it ends unbound
  const PendingRequest stored = *waiting;
  forget(*waiting);
  const auto message = MessageView::parse(stored.bytes());
  CHECK(message.has_value());
  const Request request{stored.arrival, *message, *stored.proof, &allocation, now};
  MessageBuilder builder = begin_answer(MessageClass::success, *message);
  builder.add_u32(AttributeType::connection_id, id.value);
  return resumed(stored.arrival, finish_answer(builder, request));
}

std::optional<Resumed> Relay::next_given_up(Now now) {
  while (!given_up_.empty()) {
    PendingRequest* const waiting = pending_.find(given_up_.back());
    given_up_.pop_back();
    if (!waiting) continue;  // its client has gone
    const PendingRequest stored = *waiting;
    forget(*waiting);
    const auto message = MessageView::parse(stored.bytes());
    CHECK(message.has_value());
    const Request request{stored.arrival, *message, *stored.proof, nullptr, now};
    return resumed(stored.arrival, reject(request, ErrorCode::connection_timeout_or_failure));
  }
  return std::nullopt;
}

bool Relay::has_room_for_connection(const Allocation& allocation) const {
  return tcp_connections_.size() < settings_.limits.tcp_connections &&
         allocation.tcp->connections.size() < settings_.limits.tcp_connections_per_allocation;
}

}  // namespace uturn
