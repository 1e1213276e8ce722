// Keeping requests that wait.
#include "server/relay/pending_table.h"

namespace uturn {

PendingRequest* PendingTable::find(PendingId id) {
  if (id.slot >= slots_.size()) return nullptr;
  Slot& slot = slots_[id.slot];
  return slot.is_used && slot.generation == id.generation ? slot.request.get() : nullptr;
}

PendingRequest* PendingTable::find(const FiveTuple& five_tuple, const TransactionId& transaction) {
  if (by_key_.empty()) return nullptr;
  const auto found = by_key_.find({five_tuple, transaction});
  return found == by_key_.end() ? nullptr : slots_[found->second].request.get();
}

PendingRequest* PendingTable::any_of(const FiveTuple& five_tuple) {
  const auto first = by_key_.lower_bound({five_tuple, {}});
  if (first == by_key_.end() || first->first.five_tuple != five_tuple) return nullptr;
  return slots_[first->second].request.get();
}

PendingId PendingTable::next_id() const {
  if (unused_.empty()) return {static_cast<uint32_t>(slots_.size()), 0};
  return {unused_.back(), slots_[unused_.back()].generation};
}

// A full table has promised an id that no request will ever have.
void PendingTable::skip_next_id() {
  if (by_key_.size() >= limit_) return;
  provide_slot();
  ++slots_[unused_.back()].generation;
}

void PendingTable::provide_slot() {
  if (!unused_.empty()) return;
  unused_.push_back(static_cast<uint32_t>(slots_.size()));
  slots_.push_back({std::make_unique<PendingRequest>()});
}

PendingRequest* PendingTable::add(const Arrival& arrival, const MessageView& message) {
  CHECK(message.bytes().size() <= kPendingMessageSize);
  if (by_key_.size() >= limit_) return nullptr;
  provide_slot();
  const uint32_t at = unused_.back();
  unused_.pop_back();
  Slot& slot = slots_[at];
  slot.is_used = true;

  PendingRequest& request = *slot.request;
  request.id = {at, slot.generation};
  request.arrival = arrival;
  request.transaction = message.transaction_id();
  request.size = message.bytes().size();
  std::ranges::copy(message.bytes(), request.message.begin());
  by_key_.emplace(Key{arrival.five_tuple, request.transaction}, at);
  return &request;
}

void PendingTable::remove(PendingRequest& request) {
  by_key_.erase({request.arrival.five_tuple, request.transaction});
  request.proof.reset();
  Slot& slot = slots_[request.id.slot];
  slot.is_used = false;
  ++slot.generation;
  unused_.push_back(request.id.slot);
}

}  // namespace uturn
