// What an operator does with a relay that runs: ends allocations, drains it, gives it other
// settings.
//
// Also: RFC 8489, Sections 10 and 14.15; RFC 8656, Section 7.2.
#include "server/relay/relay.h"

namespace uturn {

std::string_view name_of(EndReason reason) {
  switch (reason) {
    case EndReason::deleted:
      return "deleted";
    case EndReason::expired:
      return "expired";
    case EndReason::disconnected:
      return "disconnected";
    case EndReason::kicked:
      return "kicked";
    case EndReason::gave_way:
      return "gave_way";
    case EndReason::cut_off:
      return "cut_off";
    case EndReason::stopped:
      return "stopped";
  }
  return "unknown";
}

bool Relay::kick(AllocationId id) {
  Allocation* const allocation = allocations_.find(id);
  if (!allocation) return false;
  ++counters_.allocations_kicked;
  const FiveTuple five_tuple = allocation->five_tuple;
  end(*allocation, EndReason::kicked);
  while (PendingRequest* const waiting = pending_.any_of(five_tuple)) {
    ++counters_.resumed_drops;
    forget(*waiting);
  }
  return true;
}

// 300 with another server of the client's own family (RFC 8489, Section 10), else 508; never 403,
// which clients take for a refusal of their peer.
Outcome Relay::reject_draining(const Request& request) {
  const AddressFamily family = request.arrival.five_tuple.client.ip.family();
  const TransportAddress* same_family = nullptr;
  const TransportAddress* other_family = nullptr;
  for (const TransportAddress& alternate : settings_.alternates) {
    auto*& place = alternate.ip.family() == family ? same_family : other_family;
    if (!place) place = &alternate;
  }
  if (!same_family) return reject(request, ErrorCode::insufficient_capacity);

  count_result(request.message, ErrorCode::try_alternate);
  MessageBuilder builder = begin_answer(MessageClass::error, request.message);
  builder.add_error(ErrorCode::try_alternate, reason_of(ErrorCode::try_alternate));
  builder.add_address(AttributeType::alternate_server, *same_family);
  if (other_family) builder.add_address(AttributeType::alternate_server, *other_family);
  if (!settings_.alternate_domain.empty()) {
    builder.add_text(AttributeType::alternate_domain, settings_.alternate_domain);
  }
  return finish_answer(builder, request);
}

// Permissions, channels and keys that allocations have stay theirs: calls go on.
void Relay::reload(RelaySettings settings) {
  settings.shard = settings_.shard;
  settings.shards = settings_.shards;
  const Limits& now = settings_.limits;
  const Limits& then = settings.limits;
  if (then.answer_sources != now.answer_sources || then.answers_burst != now.answers_burst ||
      then.answers_per_second != now.answers_per_second) {
    budget_ = AnswerBudget(then.answer_sources, then.answers_per_second, then.answers_burst,
                           world_.random);
  }
  pending_.set_limit(then.pending_requests);
  settings_ = std::move(settings);
  adjust_bandwidth();
}

void Relay::serve(const Realms& realms) {
  realms_ = &realms;
  adjust_bandwidth();  // realms have limits
}

}  // namespace uturn
