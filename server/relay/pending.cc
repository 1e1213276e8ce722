// Requests that cannot be answered at once: each ends once, or expires.
//
// Also: RFC 8656, Section 7.2.
#include "server/relay/relay.h"

namespace uturn {

Outcome Relay::defer(const Arrival& arrival, const MessageView& message, Asked asked,
                     std::optional<Accepted> proof, Now now, std::chrono::seconds lifetime) {
  if (message.bytes().size() > kPendingMessageSize) {
    pending_.skip_next_id();  // a directory may have been asked: its answer is nobody else's
    return Drop{DropReason::pending_too_long};
  }
  PendingRequest* const waiting = pending_.add(arrival, message);
  if (!waiting) return Drop{DropReason::pending_full};
  waiting->asked = asked;
  waiting->asked.ticket = waiting->id.packed();
  waiting->proof = std::move(proof);
  waiting->asked_to_yield = 0;
  waiting->expires_at = now.monotonic + lifetime;
  waiting->deadline = pending_deadlines_.add(waiting->expires_at, waiting->id.packed());
  return Defer{waiting->id};
}

Outcome Relay::await_reservation(const Request& request, uint64_t token) {
  const Outcome outcome = defer(request.arrival, request.message, {}, request.proof, request.now);
  const auto* deferred = std::get_if<Defer>(&outcome);
  if (!deferred) return reject(request, ErrorCode::insufficient_capacity);
  const uint8_t shard = ReservationTable::shard_of(token);
  if (world_.others.ask_for_reservation(shard, token, owner_of(request.proof.identity),
                                        deferred->id)) {
    return outcome;
  }
  forget(*pending_.find(deferred->id));
  return reject(request, ErrorCode::insufficient_capacity);
}

std::optional<Resumed> Relay::on_user_answer(DirectoryTicket ticket, const UserAnswer& answer,
                                             Now now) {
  PendingRequest* const waiting = pending_.find(PendingId::unpack(ticket));
  if (!waiting || waiting->proof) return std::nullopt;
  const PendingRequest request = *waiting;  // its place may be needed by what comes next
  const auto message = MessageView::parse(request.bytes());
  CHECK(message.has_value());

  const Allocation* existing = living(request.arrival.five_tuple, now);
  const RealmId realm = request.asked.realm;
  const Identity* known = known_identity(existing, *message, now);
  if (known && known->realm != realm) known = nullptr;
  AuthVerdict verdict = realms_->authenticator_of(realm).complete(
      *message, request.arrival.five_tuple.client, answer, now, known, request.asked);
  if (const auto* pending = std::get_if<Pending>(&verdict)) {
    waiting->asked.directory = pending->directory;
    return std::nullopt;
  }
  forget(*waiting);
  return resumed(request.arrival,
                 on_verdict(request.arrival, *message, std::move(verdict), realm, now));
}

std::optional<Resumed> Relay::on_reservation(PendingId id, std::optional<Reservation> reservation,
                                             Now now) {
  PendingRequest* const waiting = pending_.find(id);
  if (!waiting || !waiting->proof) {
    if (reservation) end_reservation(std::move(*reservation));
    return std::nullopt;
  }
  const PendingRequest stored = *waiting;
  forget(*waiting);
  const auto message = MessageView::parse(stored.bytes());
  CHECK(message.has_value());
  const Request request{stored.arrival, *message, *stored.proof,
                        living(stored.arrival.five_tuple, now), now};

  // Meanwhile the five-tuple may have got its allocation by another request.
  if (!reservation || request.allocation) {
    if (reservation) end_reservation(std::move(*reservation));
    return resumed(stored.arrival,
                   reject(request, request.allocation ? ErrorCode::allocation_mismatch
                                                      : ErrorCode::insufficient_capacity));
  }
  return resumed(stored.arrival, allocate_with(request, std::move(*reservation)));
}

std::optional<Resumed> Relay::resumed(const Arrival& arrival, Outcome outcome) {
  if (std::holds_alternative<Defer>(outcome)) return std::nullopt;  // it waits on, for a shard
  if (std::holds_alternative<Drop>(outcome)) {
    ++counters_.resumed_drops;
  } else {
    ++counters_.resumed_answers;
  }
  return Resumed{arrival, std::move(outcome)};
}

void Relay::forget(PendingRequest& waiting) {
  pending_deadlines_.remove(waiting.deadline);
  pending_.remove(waiting);
}

}  // namespace uturn
