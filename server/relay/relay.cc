// From a datagram's first byte to the method that handles it.
//
// Also: RFC 8489, Section 7; RFC 8656, Sections 7.2, 12, 12.6, 19 and 21.3.3.
#include "server/relay/relay.h"

#include "protocol/fingerprint.h"
#include "protocol/unknown_attributes.h"
#include "server/relay/counting.h"

namespace uturn {
namespace {

DropReason drop_reason_of(ParseError error) {
  switch (error) {
    case ParseError::too_short:
      return DropReason::too_short;
    case ParseError::not_stun:
      return DropReason::not_stun;
    case ParseError::wrong_cookie:
      return DropReason::wrong_cookie;
    case ParseError::wrong_length:
      return DropReason::wrong_length;
    case ParseError::truncated_attribute:
      return DropReason::truncated_attribute;
    case ParseError::too_many_attributes:
      return DropReason::too_many_attributes;
  }
  return DropReason::not_stun;
}

/// The classes a server is sent (RFC 8489, Section 6.3: others are discarded); nullopt for methods
/// it does not serve.
std::optional<MessageClass> class_served(Method method) {
  switch (method) {
    case Method::binding:
    case Method::allocate:
    case Method::refresh:
    case Method::create_permission:
    case Method::channel_bind:
    case Method::connect:
    case Method::connection_bind:
      return MessageClass::request;
    case Method::send:
      return MessageClass::indication;
    default:
      return std::nullopt;
  }
}

/// With access tokens a kid names no user, and whoever holds a new token refreshes by it what an
/// older one began (RFC 7635, Section 9). The same name in another realm is somebody else.
bool is_same_user(const Identity& a, const Identity& b) {
  return a.realm == b.realm && a.is_by_token == b.is_by_token &&
         (a.is_by_token || a.username == b.username);
}

}  // namespace

Relay::Relay(RelaySettings settings, RelayWorld world, Now now)
    : settings_(std::move(settings)),
      world_(world),
      realms_(&world.realms),
      held_(world.ports.held()),
      allocations_(world.random.next_u64()),
      reservations_(settings_.shard),
      pending_(settings_.limits.pending_requests),
      tcp_connections_(settings_.shard),
      quota_version_(world.quota.version()),
      budget_(settings_.limits.answer_sources, settings_.limits.answers_per_second,
              settings_.limits.answers_burst, world.random),
      transaction_ids_(world.random),
      allocation_deadlines_(now),
      reservation_deadlines_(now),
      pending_deadlines_(now),
      connection_deadlines_(now) {}

Relay::~Relay() {
  CHECK(allocations_.size() == 0 && reservations_.size() == 0 && tcp_connections_.size() == 0);
}

Outcome Relay::on_client_packet(const Arrival& arrival, const Packet& packet, Now now) {
  Outcome outcome = decide_client_packet(arrival, packet, now);
  if (std::holds_alternative<Forward>(outcome)) return outcome;
  if (const auto* shortcut = std::get_if<Shortcut>(&outcome)) {
    outcome = take(*shortcut, packet, now);
  } else {
    count_unrelayed(outcome);
  }
  return outcome;
}

Outcome Relay::on_icmp_error(RelayTag tag, const PeerAddress& destination, const IcmpValue& icmp,
                             Now now) {
  Outcome outcome = icmp_error(tag, destination, icmp, now);
  if (const auto* drop = std::get_if<Drop>(&outcome)) {
    ++counters_.icmp_drops[static_cast<size_t>(drop->why)];
  } else {
    ++counters_.icmp_told;
  }
  return outcome;
}

Outcome Relay::decide_client_packet(const Arrival& arrival, const Packet& packet, Now now) {
  if (packet.size() == 0) return Drop{DropReason::empty};
  const uint8_t first = packet.bytes()[0];
  if (looks_like_channel_data(first, settings_.channels)) return channel_data(arrival, packet, now);
  if (looks_like_stun(first)) {
    const auto indication = read_plain_send_indication(packet.bytes());
    return indication ? send(arrival, *indication, now) : on_message(arrival, packet, now);
  }
  if (looks_like_channel_data(first, ChannelRange::rfc5766)) {
    return Drop{DropReason::reserved_channel};
  }
  return Drop{DropReason::unknown_protocol};
}

// RFC 8489, Section 6.3, in its order.
Outcome Relay::on_message(const Arrival& arrival, const Packet& packet, Now now) {
  const auto message = MessageView::parse(packet.bytes());
  if (!message) return Drop{drop_reason_of(message.error())};

  const MessageClass message_class = message->message_class();
  if (message_class == MessageClass::success || message_class == MessageClass::error) {
    return Drop{DropReason::response};
  }
  const auto served = class_served(message->method());
  if (!served) return Drop{DropReason::unknown_method};
  if (!fingerprint_is_absent_or_right(*message)) return Drop{DropReason::wrong_fingerprint};

  if (message_class == MessageClass::indication) {
    if (message->method() == Method::binding) return Drop{DropReason::binding_indication};
    if (message->method() == Method::send) return send(arrival, *message, now);
    return Drop{DropReason::wrong_class};
  }
  if (*served != MessageClass::request) return Drop{DropReason::wrong_class};
  if (message->method() == Method::binding) return binding(arrival, *message, now);
  if (message->method() == Method::connect || message->method() == Method::connection_bind) {
    if (!world_.tcp) return Drop{DropReason::unknown_method};
    if (const auto elsewhere = hand_over(arrival, *message, now)) return *elsewhere;
  }
  return on_request(arrival, *message, now);
}

Outcome Relay::on_request(const Arrival& arrival, const MessageView& message, Now now) {
  const Allocation* existing = living(arrival.five_tuple, now);
  const IpAddress& source = arrival.five_tuple.client.ip;
  if (!existing && !budget_.has(AnswerKind::challenge, source, now)) {
    return Drop{DropReason::answer_rate};  // before any HMAC is computed for a flood
  }
  if (const PendingRequest* waiting = pending_.find(arrival.five_tuple, message.transaction_id())) {
    ++counters_.pending_joined;
    return Defer{waiting->id};
  }

  // The ticket names the place this request would wait at: the answer can come before defer().
  const bool may_wait = pending_.has_room_for_strangers() || existing;
  const DirectoryTicket ticket = may_wait ? pending_.next_id().packed() : kNoTicket;
  const Identity* known = known_identity(existing, message, now);
  const RealmId realm = realms_->choose(message, arrival.realm, known ? known->realm : kAnyRealm);
  if (known && known->realm != realm) known = nullptr;  // nobody's key is good in another realm
  AuthVerdict verdict = realms_->authenticator_of(realm).check(message, arrival.five_tuple.client,
                                                               known, ticket, now);
  // Waiting and silence cost us as much as an answer. A 438 counts too: a signature can be a
  // captured one, only a fresh nonce proves the address.
  if (!existing && !std::holds_alternative<Accepted>(verdict)) {
    budget_.spend(AnswerKind::challenge, source, now);
  }
  if (std::holds_alternative<Silence>(verdict) && !may_wait) return Drop{DropReason::pending_full};
  return on_verdict(arrival, message, std::move(verdict), realm, now);
}

Outcome Relay::on_verdict(const Arrival& arrival, const MessageView& message, AuthVerdict verdict,
                          RealmId realm, Now now) {
  if (const auto* rejected = std::get_if<Rejected>(&verdict)) {
    return reject_unproved(arrival, message, *rejected, realm, now);
  }
  if (const auto* pending = std::get_if<Pending>(&verdict)) {
    return defer(arrival, message, Asked{0, pending->directory, realm}, std::nullopt, now);
  }
  if (std::holds_alternative<Silence>(verdict)) return Drop{DropReason::directory_failed};

  const Accepted& proof = std::get<Accepted>(verdict);
  ++counters_.authenticated;
  return perform({arrival, message, proof, living(arrival.five_tuple, now), now});
}

// The RFC authenticates before it looks for unknown attributes (RFC 8489, Section 6.3): a stranger
// is told nothing but the challenge.
Outcome Relay::perform(const Request& request) {
  if (!unknown_attributes(request.message, is_known).empty()) {
    return reject_unknown_attributes(request);
  }
  if (request.message.method() == Method::allocate) return allocate(request);
  if (request.message.method() == Method::connection_bind) return connection_bind(request);

  // Authenticated, then 437, then 441 (RFC 8656, Section 5).
  if (!request.allocation) return reject(request, ErrorCode::allocation_mismatch);
  if (!is_same_user(request.allocation->identity, request.proof.identity)) {
    return reject(request, ErrorCode::wrong_credentials);
  }
  request.allocation->traffic.client_heard_at = request.now.monotonic;
  switch (request.message.method()) {
    case Method::refresh:
      return refresh(request);
    case Method::create_permission:
      return create_permission(request);
    case Method::channel_bind:
      return channel_bind(request);
    case Method::connect:
      return connect(request);
    default:
      break;
  }
  return Drop{DropReason::unknown_method};
}

// Whose credentials a request is to show: the allocation's, which a ConnectionBind names by its
// CONNECTION-ID (RFC 6062, Sections 4.3 and 4.4). One that has expired meanwhile ends nothing.
const Identity* Relay::known_identity(const Allocation* existing, const MessageView& message,
                                      Now now) {
  if (existing) return &existing->identity;
  if (message.method() != Method::connection_bind) return nullptr;
  const TcpConnection* connection = unbound_connection(message, now);
  return connection ? &allocations_.find(connection->allocation)->identity : nullptr;
}

void Relay::count_unrelayed(const Outcome& outcome) {
  if (const auto* drop = std::get_if<Drop>(&outcome)) {
    ++counters_.drops[static_cast<size_t>(drop->why)];
  } else if (std::holds_alternative<Answer>(outcome)) {
    ++counters_.answers;
  } else if (std::holds_alternative<Defer>(outcome)) {
    ++counters_.defers;
  } else {
    ++counters_.handed_over;  // it arrives once more where it is decided
  }
}

// What this server understands of the comprehension-required range. RFC 5780 and ICE are not
// among it: their attributes are unknown here, and 420 says so.
bool Relay::is_known(AttributeType type) {
  switch (type) {
    case AttributeType::mapped_address:
    case AttributeType::username:
    case AttributeType::message_integrity:
    case AttributeType::error_code:
    case AttributeType::unknown_attributes:
    case AttributeType::channel_number:
    case AttributeType::lifetime:
    case AttributeType::xor_peer_address:
    case AttributeType::data:
    case AttributeType::realm:
    case AttributeType::nonce:
    case AttributeType::xor_relayed_address:
    case AttributeType::requested_address_family:
    case AttributeType::even_port:
    case AttributeType::requested_transport:
    case AttributeType::dont_fragment:
    case AttributeType::message_integrity_sha256:
    case AttributeType::password_algorithm:
    case AttributeType::userhash:
    case AttributeType::xor_mapped_address:
    case AttributeType::reservation_token:
    case AttributeType::connection_id:
    case AttributeType::access_token:  // where none is taken the authenticator says 420
      return true;
    default:
      return false;
  }
}

}  // namespace uturn
