// Allocate: a relayed transport address, or two, for a client (RFC 8656, Section 7.2).
//
// Also: RFC 6062, Sections 4.1 and 5.1; RFC 8489, Section 6.3.1; RFC 8656, Sections 5,
// 6, 18.5, 18.7, 18.8, 18.11, 18.12 and 19; RFC 7350, Section 4.6.
#include "server/relay/relay.h"

namespace uturn {

/// What the request asks for, once every check of its form has passed.
struct Relay::AllocateWish {
  AddressFamily family{};
  bool both_families = false;  ///< ADDITIONAL-ADDRESS-FAMILY
  PortWish port = PortWish::any;
  std::optional<uint64_t> token;       ///< RESERVATION-TOKEN
  Transport relayed = Transport::udp;  ///< … or TCP (RFC 6062)
  std::chrono::seconds lifetime{};
};

/// A relayed transport address that is open and read already, so that nothing is promised that
/// could fail. Its tag names the allocation that establish() will add.
struct Relay::OpenedSide {
  PortLease port;
  SocketId socket;
  PortLease next_port;  ///< EVEN-PORT with the R bit
  HeldSocket next_socket;
  QuotaLease next_quota;
};

// In the order of RFC 8656, Section 7.2. Nothing changes until every check has passed.
Outcome Relay::allocate(const Request& request) {
  if (const Allocation* existing = request.allocation) {
    const bool is_retransmission = existing->made_by == request.message.transaction_id() &&
                                   existing->identity.is_named_like(request.proof.identity);
    if (is_retransmission) return answer_allocated(request, *existing);
    return reject(request, ErrorCode::allocation_mismatch);
  }
  if (draining_) return reject_draining(request);

  if (is_tunneled(request.arrival.five_tuple.client.ip))
    return reject(request, ErrorCode::forbidden);

  const auto transport = request.message.find(AttributeType::requested_transport);
  const auto protocol = transport ? decode_requested_transport(transport->value) : std::nullopt;
  if (!protocol) return reject(request, ErrorCode::bad_request);
  constexpr uint8_t kUdp = 17, kTcp = 6;
  if (*protocol != kUdp && !(*protocol == kTcp && world_.tcp)) {
    return reject(request, ErrorCode::unsupported_transport_protocol);
  }
  if (*protocol == kTcp && !may_have_tcp(request)) return reject(request, ErrorCode::bad_request);

  auto wish = read_wish(request);
  if (!wish && wish.error() == ErrorCode::unknown_attribute) {
    return reject_unknown_attributes(request);
  }
  if (!wish) return reject(request, wish.error());
  if (*protocol == kTcp) wish->relayed = Transport::tcp;
  return wish->token ? redeem(request, *wish) : allocate_wished(request, *wish);
}

// A control connection is a stream, and what belongs to datagrams has no meaning for one (RFC 6062,
// Section 5.1).
bool Relay::may_have_tcp(const Request& request) {
  const MessageView& message = request.message;
  return is_stream(request.arrival.five_tuple.transport) &&
         !message.has(AttributeType::dont_fragment) && !message.has(AttributeType::even_port) &&
         !message.has(AttributeType::reservation_token);
}

Result<Relay::AllocateWish, ErrorCode> Relay::read_wish(const Request& request) const {
  const MessageView& message = request.message;
  AllocateWish wish;
  wish.lifetime = granted_lifetime(message);

  const auto requested = message.find(AttributeType::requested_address_family);
  const auto additional = message.find(AttributeType::additional_address_family);
  const auto even_port = message.find(AttributeType::even_port);

  if (const auto token = message.find(AttributeType::reservation_token)) {
    if (even_port || requested || additional) return Failure{ErrorCode::bad_request};
    wish.token = decode_reservation_token(token->value);
    if (!wish.token) return Failure{ErrorCode::bad_request};
    return wish;
  }

  if (requested && additional) return Failure{ErrorCode::bad_request};
  if (requested) {
    if (requested->value.size() != 4) return Failure{ErrorCode::bad_request};
    const auto family = decode_family(requested->value);
    if (!family) return Failure{ErrorCode::address_family_not_supported};
    wish.family = *family;
  } else {
    const bool keeps = settings_.default_family == DefaultFamily::keep;
    const AddressFamily configured =
        settings_.default_family == DefaultFamily::ipv6 ? AddressFamily::ipv6 : AddressFamily::ipv4;
    wish.family = keeps ? request.arrival.five_tuple.client.ip.family() : configured;
  }

  if (even_port) {
    const auto reserves_next = decode_even_port(even_port->value);
    if (!reserves_next) return Failure{ErrorCode::bad_request};
    if (*reserves_next && additional) return Failure{ErrorCode::bad_request};
    wish.port = *reserves_next ? PortWish::even_with_next : PortWish::even;
  }

  if (additional) {
    // Only IPv6 can be additional: IPv4 is what is allocated anyway.
    if (decode_family(additional->value) != AddressFamily::ipv6)
      return Failure{ErrorCode::bad_request};
    wish.family = AddressFamily::ipv4;
    wish.both_families = true;
  }

  const bool to_ipv6 = wish.family == AddressFamily::ipv6 || wish.both_families;
  if (to_ipv6 && translates_from_ipv4(request) && message.has(AttributeType::dont_fragment)) {
    return Failure{ErrorCode::unknown_attribute};
  }
  return wish;
}

// The DF bit of what an IPv4 client sends cannot be read here, so a translation to IPv6 must not
// promise DONT-FRAGMENT (RFC 8656, Section 3.7). From a stream no datagram is translated: the
// attribute itself is what counts (Section 15).
bool Relay::translates_from_ipv4(const Request& request) {
  const FiveTuple& five_tuple = request.arrival.five_tuple;
  return five_tuple.client.ip.is_v4() && !is_stream(five_tuple.transport);
}

Outcome Relay::allocate_wished(const Request& request, const AllocateWish& wish) {
  if (!wish.both_families && !ports_for(wish.relayed).serves(wish.family)) {
    return reject(request, ErrorCode::address_family_not_supported);
  }
  if (wish.port == PortWish::even_with_next &&
      reservations_.size() >= settings_.limits.reservations) {
    ++counters_.reservations_full;
    return reject(request, ErrorCode::insufficient_capacity);
  }
  QuotaLease quota = take_quota(request);
  if (quota.refused_by() == QuotaLimit::user && settings_.idle_gives_way) {
    const Identity& identity = request.proof.identity;
    if (make_room_for(identity.quota_id, identity.realm, request.now)) {
      quota = take_quota(request);
    } else if (const auto shard = next_to_ask(request)) {
      return await_yield(request, *shard);
    }
  }
  if (!quota.is_held()) return reject_by_quota(request, quota.refused_by());
  QuotaLease next_quota;
  if (wish.port == PortWish::even_with_next) {
    next_quota = take_quota(request);
    if (!next_quota.is_held()) return reject_by_quota(request, next_quota.refused_by());
  }

  auto first = open_side(wish.family, wish, request.now);
  if (!wish.both_families) {
    if (!first) return reject(request, first.error());
    first->next_quota = std::move(next_quota);
    return establish(request, wish, std::move(quota), std::move(*first), std::nullopt);
  }

  // One of two is a success that names what is missing; none of two is not.
  auto second = open_side(AddressFamily::ipv6, wish, request.now);
  if (!first && !second) {
    const bool for_one_reason = first.error() == second.error();
    return reject(request, for_one_reason ? first.error() : ErrorCode::insufficient_capacity);
  }
  if (!first) return establish(request, wish, std::move(quota), std::move(*second), std::nullopt);
  std::optional<OpenedSide> other;
  if (second) other = std::move(*second);
  return establish(request, wish, std::move(quota), std::move(*first), std::move(other));
}

// The port may be another process's: the range overlaps the kernel's ephemeral ports.
Result<Relay::OpenedSide, ErrorCode> Relay::open_side(AddressFamily family,
                                                      const AllocateWish& wish, Now now) {
  RelayPorts& ports = ports_for(wish.relayed);
  if (!ports.serves(family)) return Failure{ErrorCode::address_family_not_supported};
  const RelayTag tag{allocations_.next_id(), family};
  for (uint32_t attempt = 0; attempt < kPortAttempts; ++attempt) {
    auto taken = ports.take(family, wish.port, now);
    if (!taken) break;

    OpenedSide side;
    if (wish.port == PortWish::even_with_next) {
      const auto next = world_.sockets.hold(taken->next.address());
      if (!next && next.error() == SocketFailure::exhausted) break;
      if (!next) {
        ++counters_.ports_occupied;
        taken->next.park(now);
        continue;
      }
      side.next_port = std::move(taken->next);
      side.next_socket = *next;
    }
    const auto socket = open_socket(wish, taken->port.address(), tag);
    if (socket) {
      side.port = std::move(taken->port);
      side.socket = *socket;
      return side;
    }
    if (side.next_port.is_held()) world_.sockets.drop(side.next_socket);
    if (socket.error() == SocketFailure::exhausted) break;
    ++counters_.ports_occupied;
    taken->port.park(now);
  }
  ++counters_.ports_exhausted;
  world_.observer.on_ports_exhausted(family);
  return Failure{ErrorCode::insufficient_capacity};
}

Result<SocketId, SocketFailure> Relay::open_socket(const AllocateWish& wish,
                                                   const RelayedAddress& address, RelayTag tag) {
  if (wish.relayed == Transport::tcp) return world_.tcp->sockets.listen(address, tag);
  return world_.sockets.open(address, tag);
}

RelayPorts& Relay::ports_for(Transport relayed) const {
  return relayed == Transport::tcp ? world_.tcp->ports : world_.ports;
}

// A token that is unknown, expired, or another user's is 508 (RFC 8656, Section 7.2). It may be
// another shard's: the same client's second five-tuple is any shard's.
Outcome Relay::redeem(const Request& request, const AllocateWish& wish) {
  const uint8_t shard = ReservationTable::shard_of(*wish.token);
  if (shard != settings_.shard) {
    if (shard >= settings_.shards) return reject(request, ErrorCode::insufficient_capacity);
    return await_reservation(request, *wish.token);
  }
  auto reservation =
      surrender_reservation(*wish.token, owner_of(request.proof.identity), request.now);
  if (!reservation) return reject(request, ErrorCode::insufficient_capacity);
  return allocate_reserved(request, wish, std::move(*reservation));
}

// The other shard's answer to redeem().
Outcome Relay::allocate_with(const Request& request, Reservation reservation) {
  const auto wish = read_wish(request);
  CHECK(wish.has_value());  // it was read before the other shard was asked
  return allocate_reserved(request, *wish, std::move(reservation));
}

QuotaLease Relay::take_quota(const Request& request) {
  const Identity& identity = request.proof.identity;
  return world_.quota.take({.user = identity.quota_id,
                            .client = request.arrival.five_tuple.client.ip,
                            .credential_class = identity.credential_class,
                            .now = request.now.monotonic,
                            .realm = realms_->name_of(identity.realm)});
}

Outcome Relay::reject_by_quota(const Request& request, QuotaLimit limit) {
  ++counters_.quota_refused[static_cast<size_t>(limit)];
  return reject(request, ErrorCode::allocation_quota_reached);
}

Outcome Relay::allocate_reserved(const Request& request, const AllocateWish& wish,
                                 Reservation reservation) {
  const RelayedAddress& address = reservation.port.address();
  const bool translates = !address.ip.is_v4() && translates_from_ipv4(request);
  if (translates && request.message.has(AttributeType::dont_fragment)) {
    end_reservation(std::move(reservation));
    return reject_unknown_attributes(request);
  }
  const auto socket = world_.sockets.adopt(reservation.socket, address,
                                           {allocations_.next_id(), address.ip.family()});
  if (!socket) return reject(request, ErrorCode::insufficient_capacity);
  ++counters_.reservations_redeemed;
  reservation.quota.adjust();  // it has been held for a while
  return establish(request, wish, std::move(reservation.quota),
                   OpenedSide{std::move(reservation.port), *socket, {}, {}, {}}, std::nullopt);
}

// Every check has passed and everything is open: from here on nothing fails.
Outcome Relay::establish(const Request& request, const AllocateWish& wish, QuotaLease quota,
                         OpenedSide first, std::optional<OpenedSide> second) {
  Allocation& allocation = allocations_.add(request.arrival.five_tuple);
  allocation.listener = request.arrival.listener;
  allocation.identity = request.proof.identity;
  allocation.created_at = allocation.traffic.client_heard_at = request.now.monotonic;
  allocation.made_by = request.message.transaction_id();
  allocation.quota = std::move(quota);
  allocation.quota.name_holder(
      {settings_.shard, uint64_t{allocation.id.generation} << 32 | allocation.id.slot});
  allocation.ends_at = end_of(allocation.identity, allocation.quota, request.now);
  if (wish.relayed == Transport::tcp) {
    allocation.tcp = std::make_unique<TcpAllocation>();
    ++counters_.tcp_allocations_made;
  }
  const Instant expires_at =
      request.now.monotonic + cut(wish.lifetime, allocation.ends_at, request.now);
  const auto settle = [&](OpenedSide& side) {
    const AddressFamily family = side.port.address().ip.family();
    if (!allocation.tcp) side.port.name_owner({settings_.shard, allocation.id});  // of datagrams
    allocation.side(family).emplace(
        RelayedSide{std::move(side.port), side.socket, nullptr, {}, expires_at});
  };
  settle(first);
  if (second) settle(*second);

  if (wish.both_families && !second) {
    const bool has_v4 = allocation.side(AddressFamily::ipv4).has_value();
    allocation.missing_family = has_v4 ? AddressFamily::ipv6 : AddressFamily::ipv4;
    allocation.missing_because = ports_for(wish.relayed).serves(*allocation.missing_family)
                                     ? ErrorCode::insufficient_capacity
                                     : ErrorCode::address_family_not_supported;
  }
  if (first.next_port.is_held()) {
    allocation.reservation_token =
        hold_reservation({std::move(first.next_port), first.next_socket,
                          std::move(first.next_quota), owner_of(request.proof.identity)},
                         request.now);
  }
  allocation.deadline = allocation_deadlines_.add(
      expires_at, uint64_t{allocation.id.generation} << 32 | allocation.id.slot);
  count_made(allocation);
  return answer_allocated(request, allocation);
}

// Also for a retransmitted request: the same addresses and token, the lifetime that is left.
Outcome Relay::answer_allocated(const Request& request, const Allocation& allocation) {
  MessageBuilder builder = begin_answer(MessageClass::success, request.message);
  for (const auto& side : allocation.sides) {
    if (!side) continue;
    builder.add_xor_address(AttributeType::xor_relayed_address,
                            settings_.external.outward(side->port.address()));
  }
  const auto left = allocation.expires_at() - request.now.monotonic;
  builder.add_u32(AttributeType::lifetime,
                  static_cast<uint32_t>(std::chrono::ceil<std::chrono::seconds>(left).count()));
  if (allocation.reservation_token) {
    builder.add_u64(AttributeType::reservation_token, *allocation.reservation_token);
  }
  if (allocation.missing_family) {
    builder.add_address_error(*allocation.missing_family, allocation.missing_because,
                              reason_of(allocation.missing_because));
  }
  builder.add_xor_address(AttributeType::xor_mapped_address, allocation.five_tuple.client);
  return finish_answer(builder, request);
}

// max(600, min(requested, maximum)) (RFC 8656, Section 7.2); a malformed LIFETIME counts as none.
std::chrono::seconds Relay::granted_lifetime(const MessageView& message) const {
  const auto attribute = message.find(AttributeType::lifetime);
  const auto requested = attribute ? decode_u32(attribute->value) : std::nullopt;
  if (!requested) return kDefaultLifetime;
  const auto capped = std::min(std::chrono::seconds{*requested}, settings_.limits.max_lifetime);
  return std::max(kDefaultLifetime, capped);
}

/// Where the class has a time, or credentials are to end what they began.
Instant Relay::end_of(const Identity& identity, const QuotaLease& quota, Now now) const {
  Instant ends_at = quota.ends_at();
  const auto left = identity.expires_at - now.calendar;
  constexpr std::chrono::hours kForEver{24 * 365};  // more than instants can be added to safely
  // The lifetime of a token bounds that of what it began (RFC 7635, Section 9).
  if ((settings_.ends_at_expiry || identity.is_by_token) && left < kForEver) {
    ends_at = std::min(ends_at, now.monotonic + left);
  }
  return ends_at;
}

/// At least a second: what ends now is swept, not promised.
std::chrono::seconds Relay::cut(std::chrono::seconds lifetime, Instant ends_at, Now now) {
  if (ends_at == kNever) return lifetime;
  const auto left = std::chrono::floor<std::chrono::seconds>(ends_at - now.monotonic);
  return std::clamp(lifetime, std::chrono::seconds{1}, std::max(left, std::chrono::seconds{1}));
}

}  // namespace uturn
