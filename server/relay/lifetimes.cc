// Lifetimes: what ends, when, and what goes with it.
//
// Also: RFC 6062, Section 5.5; RFC 8489, Section 6.2.2; RFC 8656, Sections 6, 7.2 and 9.
#include "server/relay/relay.h"

namespace uturn {

Instant Relay::next_deadline() const {
  return std::min({allocation_deadlines_.next(), reservation_deadlines_.next(),
                   pending_deadlines_.next(), connection_deadlines_.next()});
}

void Relay::expire(Now now) {
  allocation_deadlines_.expire(now, kExpirationsPerPass, [&](uint64_t packed) {
    const AllocationId id{static_cast<uint32_t>(packed), static_cast<uint32_t>(packed >> 32)};
    Allocation* const allocation = allocations_.find(id);
    CHECK(allocation != nullptr);
    allocation->deadline = DeadlineQueue::kNone;
    sweep(*allocation, now);
  });
  reservation_deadlines_.expire(now, kExpirationsPerPass, [&](uint64_t token) {
    auto reservation = reservations_.remove(token);
    CHECK(reservation.has_value());
    reservation->deadline = DeadlineQueue::kNone;
    ++counters_.reservations_expired;
    end_reservation(std::move(*reservation));
  });
  // Before the Connects that wait for them: these are answered, however late the sweep.
  connection_deadlines_.expire(now, kExpirationsPerPass, [&](uint64_t id) {
    expire_connection({static_cast<uint32_t>(id)});
  });
  pending_deadlines_.expire(now, kExpirationsPerPass, [&](uint64_t packed) {
    PendingRequest* const waiting = pending_.find(PendingId::unpack(packed));
    CHECK(waiting != nullptr);
    ++counters_.pending_expired;
    pending_.remove(*waiting);
  });
}

void Relay::close_all() {
  allocations_.for_each([&](Allocation& allocation) { end(allocation, EndReason::stopped); });
  while (const auto token = reservations_.any()) {
    end_reservation(std::move(*reservations_.remove(*token)));
  }
}

// What has expired is without effect from its instant on, even where the sweep is late.
Allocation* Relay::living(const FiveTuple& five_tuple, Now now) {
  Allocation* const allocation = allocations_.find(five_tuple);
  if (!allocation || !is_past(allocation->expires_at(), now)) return allocation;
  sweep(*allocation, now);
  return allocations_.find(five_tuple);
}

void Relay::schedule(Allocation& allocation) {
  count_tables(allocation);
  const Instant when = allocation.first_expiry();
  if (allocation.deadline == DeadlineQueue::kNone) {
    allocation.deadline = allocation_deadlines_.add(
        when, uint64_t{allocation.id.generation} << 32 | allocation.id.slot);
  } else {
    allocation_deadlines_.move(allocation.deadline, when);
  }
}

// Frees whatever of it has expired; it was without effect since its instant.
void Relay::sweep(Allocation& allocation, Now now) {
  for (const AddressFamily family : {AddressFamily::ipv4, AddressFamily::ipv6}) {
    auto& side = allocation.side(family);
    if (!side) continue;
    if (is_past(side->expires_at, now)) {
      end_side(allocation, family);
    } else {
      allocation.permissions(family).sweep(now);
    }
  }
  if (!allocation.has_sides()) {
    ++counters_.allocations_expired;
    end(allocation, is_past(allocation.ends_at, now) ? EndReason::cut_off : EndReason::expired);
    return;
  }
  allocation.channels.sweep(now);
  schedule(allocation);
}

// The other family's permissions and channels stay (RFC 8656, Section 8.1).
void Relay::end_side(Allocation& allocation, AddressFamily family) {
  auto& side = allocation.side(family);
  // Sockets are closed before their port goes back.
  if (allocation.tcp) {
    end_connections(allocation, family);
    world_.tcp->sockets.stop_listening(side->socket);
  } else {
    world_.sockets.close(side->socket);
  }
  side.reset();
  allocation.channels.unbind(family);
}

void Relay::end(Allocation& allocation, EndReason why) {
  world_.observer.on_allocation_ended(allocation, why);
  count_ended(allocation, why);
  for (const AddressFamily family : {AddressFamily::ipv4, AddressFamily::ipv6}) {
    if (allocation.side(family)) end_side(allocation, family);
  }
  if (allocation.deadline != DeadlineQueue::kNone)
    allocation_deadlines_.remove(allocation.deadline);
  allocations_.remove(allocation);
}

// A client keeps its connection as long as it plans to use the relayed address that it got there
// (RFC 8489, Section 6.2.2); without it nobody could refresh the allocation, and nobody hears.
void Relay::on_client_gone(const FiveTuple& five_tuple) {
  if (Allocation* const allocation = allocations_.find(five_tuple)) {
    ++counters_.allocations_disconnected;
    end(*allocation, EndReason::disconnected);
  }
  while (PendingRequest* const waiting = pending_.any_of(five_tuple)) {
    ++counters_.resumed_drops;
    forget(*waiting);
  }
}

bool Relay::has_allocation(const FiveTuple& five_tuple, Now now) const {
  const Allocation* const allocation = allocations_.find(five_tuple);
  return allocation != nullptr && !is_past(allocation->expires_at(), now);
}

uint64_t Relay::hold_reservation(Reservation reservation, Now now) {
  const uint64_t token = reservations_.make_token(world_.random);
  reservation.expires_at = now.monotonic + kReservationLifetime;
  reservation.deadline = reservation_deadlines_.add(reservation.expires_at, token);
  reservations_.add(token, std::move(reservation));
  ++counters_.reservations_made;
  return token;
}

std::optional<Reservation> Relay::surrender_reservation(uint64_t token, std::string_view owner,
                                                        Now now) {
  auto reservation = reservations_.redeem(token, owner, now);
  if (!reservation) return std::nullopt;
  reservation_deadlines_.remove(reservation->deadline);
  reservation->deadline = DeadlineQueue::kNone;
  return reservation;
}

void Relay::end_reservation(Reservation reservation) {
  if (reservation.deadline != DeadlineQueue::kNone) {
    reservation_deadlines_.remove(reservation.deadline);
  }
  world_.sockets.drop(reservation.socket);  // before its port goes back
}

}  // namespace uturn
