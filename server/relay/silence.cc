// Silence: at the limit of its allocations a user's own silent one gives way to a new one.
//
// Whoever roams, or comes back after a crash, has left an allocation behind that lives for minutes;
// a 486 would lock such a client out for as long. It may be on any shard: where it is this one, it
// ends at once; the others are asked one after the other while the request waits.
#include "server/relay/relay.h"

namespace uturn {
namespace {

AllocationId allocation_of(const QuotaHolder& holder) {
  return {static_cast<uint32_t>(holder.allocation), static_cast<uint32_t>(holder.allocation >> 32)};
}

}  // namespace

bool Relay::make_room_for(std::string_view quota_id, RealmId realm, Now now) {
  Allocation* silent = nullptr;
  for (const QuotaHolder& holder : world_.quota.holders_of(quota_id, realms_->name_of(realm))) {
    if (holder.shard != settings_.shard) continue;
    Allocation* const allocation = allocations_.find(allocation_of(holder));
    if (!allocation || now.monotonic - allocation->traffic.client_heard_at < kSilence) continue;
    const Instant heard_at = allocation->traffic.client_heard_at;
    if (!silent || heard_at < silent->traffic.client_heard_at) silent = allocation;
  }
  if (!silent) return false;
  ++counters_.allocations_gave_way;
  end(*silent, EndReason::gave_way);
  return true;
}

/// A shard that holds an allocation of this user and was not asked yet.
std::optional<uint8_t> Relay::next_to_ask(const Request& request) const {
  const Identity& identity = request.proof.identity;
  for (const QuotaHolder& holder :
       world_.quota.holders_of(identity.quota_id, realms_->name_of(identity.realm))) {
    const bool was_asked = (request.asked_to_yield >> holder.shard & 1) != 0;
    if (holder.shard != settings_.shard && !was_asked) return holder.shard;
  }
  return std::nullopt;
}

Outcome Relay::await_yield(const Request& request, uint8_t shard) {
  const Outcome outcome = defer(request.arrival, request.message, {}, request.proof, request.now);
  const auto* deferred = std::get_if<Defer>(&outcome);
  if (!deferred) return reject_by_quota(request, QuotaLimit::user);
  PendingRequest* const waiting = pending_.find(deferred->id);
  waiting->asked_to_yield = request.asked_to_yield | uint64_t{1} << shard;
  const Identity& identity = request.proof.identity;
  if (world_.others.ask_to_yield(shard, identity.quota_id, identity.realm, deferred->id)) {
    return outcome;
  }
  forget(*waiting);
  return reject_by_quota(request, QuotaLimit::user);
}

// Somebody else may have taken the place meanwhile: the quota is asked as if nothing had been.
std::optional<Resumed> Relay::on_yielded(PendingId id, Now now) {
  PendingRequest* const waiting = pending_.find(id);
  if (!waiting || !waiting->proof || waiting->asked_to_yield == 0) return std::nullopt;
  const PendingRequest stored = *waiting;
  forget(*waiting);
  const auto message = MessageView::parse(stored.bytes());
  CHECK(message.has_value());
  const Request request{
      stored.arrival,       *message, *stored.proof, living(stored.arrival.five_tuple, now), now,
      stored.asked_to_yield};
  return resumed(stored.arrival, allocate(request));
}

}  // namespace uturn
