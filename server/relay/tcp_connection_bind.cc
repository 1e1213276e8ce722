// ConnectionBind: a client's connection becomes the other half of a peer's (RFC 6062, Section 5.4).
//
// Also: RFC 6062, Sections 3, 4.3 and 4.4; RFC 8656, Section 5.
#include <utility>

#include "server/relay/relay.h"

namespace uturn {
namespace {

std::optional<ConnectionId> connection_id_of(const MessageView& message) {
  const auto attribute = message.find(AttributeType::connection_id);
  const auto value = attribute ? decode_u32(attribute->value) : std::nullopt;
  if (!value) return std::nullopt;
  return ConnectionId{*value};
}

bool has_integrity(const MessageView& message) {
  return message.has(AttributeType::message_integrity) ||
         message.has(AttributeType::message_integrity_sha256);
}

}  // namespace

// A control connection stays one: it carries messages, a data connection never does (Section 3).
Outcome Relay::connection_bind(const Request& request) {
  const FiveTuple& five_tuple = request.arrival.five_tuple;
  if (!is_stream(five_tuple.transport) || request.allocation) {
    return reject(request, ErrorCode::bad_request);
  }
  TcpConnection* const connection = unbound_connection(request.message, request.now);
  if (!connection) {
    // Guessing other people's connections is as slow as asking for challenges.
    budget_.spend(AnswerKind::challenge, five_tuple.client.ip, request.now);
    return reject(request, ErrorCode::bad_request);
  }
  Allocation& allocation = *allocations_.find(connection->allocation);
  if (!allocation.identity.is_named_like(request.proof.identity)) {
    budget_.spend(AnswerKind::challenge, five_tuple.client.ip, request.now);
    return reject(request, ErrorCode::wrong_credentials);
  }

  clear_timeout(*connection);
  connection->state = TcpConnectionState::bound;
  ++counters_.tcp_bound;
  note_used(allocation);
  world_.tcp->sockets.join(request.arrival.listener, connection->socket, connection->id);
  return success(request);
}

// Whoever asks for the challenge gets it here, and whose source has had its answers is not worth
// moving a connection.
std::optional<HandOver> Relay::hand_over(const Arrival& arrival, const MessageView& message,
                                         Now now) {
  if (message.method() != Method::connection_bind) return std::nullopt;
  if (!is_stream(arrival.five_tuple.transport)) return std::nullopt;
  const auto id = connection_id_of(message);
  if (!id) return std::nullopt;
  const uint8_t shard = TcpConnectionTable::shard_of(*id);
  if (shard == settings_.shard || shard >= settings_.shards) return std::nullopt;
  if (!has_integrity(message) && realms_->authenticator_of(realms_->default_realm()).is_required())
    return std::nullopt;
  if (living(arrival.five_tuple, now)) return std::nullopt;

  const IpAddress& source = arrival.five_tuple.client.ip;
  if (!budget_.has(AnswerKind::challenge, source, now)) return std::nullopt;
  budget_.spend(AnswerKind::challenge, source, now);
  return HandOver{shard};
}

/// What has waited too long is without effect, even where the sweep is late; so is what belongs to
/// an allocation that has expired.
TcpConnection* Relay::unbound_connection(const MessageView& message, Now now) {
  const auto id = connection_id_of(message);
  TcpConnection* const connection = id ? tcp_connections_.find(*id) : nullptr;
  if (!connection || connection->state != TcpConnectionState::unbound) return nullptr;
  const Allocation& allocation = *allocations_.find(connection->allocation);
  const Instant ends = std::min(connection->expires_at, allocation.expires_at());
  return is_past(ends, now) ? nullptr : connection;
}

}  // namespace uturn
