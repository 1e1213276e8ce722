// The index of five-tuples: linear probing, deletion by shifting back, so no tombstones pile up.
#include "server/relay/allocation_table.h"

#include <utility>

namespace uturn {

Instant Allocation::expires_at() const {
  Instant first = kNever;
  for (const auto& side : sides) {
    if (side) first = std::min(first, side->expires_at);
  }
  return first;
}

Instant Allocation::first_expiry() const {
  Instant first = std::min(expires_at(), channels.first_expiry());
  for (const auto& side : sides) {
    if (side) first = std::min(first, side->permissions.first_expiry());
  }
  if (!tcp) return first;
  for (const PermissionTable& table : tcp->permissions) {
    first = std::min(first, table.first_expiry());
  }
  return first;
}

AllocationTable::AllocationTable(uint64_t seed) : seed_(seed), index_(1'024) {}

Allocation* AllocationTable::find(const FiveTuple& five_tuple) {
  return const_cast<Allocation*>(std::as_const(*this).find(five_tuple));
}

const Allocation* AllocationTable::find(const FiveTuple& five_tuple) const {
  const uint32_t wanted = hash(five_tuple);
  const size_t mask = index_.size() - 1;
  for (size_t at = wanted & mask; index_[at].slot != kEmpty; at = (at + 1) & mask) {
    if (index_[at].hash != wanted) continue;
    const Allocation& allocation = *slot_at(index_[at].slot).allocation;
    if (allocation.five_tuple == five_tuple) return &allocation;
  }
  return nullptr;
}

Allocation* AllocationTable::find(AllocationId id) {
  if (id.slot / kChunk >= chunks_.size()) return nullptr;
  Slot& slot = slot_at(id.slot);
  // Only who lived has an id to show, and it was odd.
  return slot.generation == id.generation && id.generation % 2 == 1 ? &*slot.allocation : nullptr;
}

AllocationId AllocationTable::next_id() {
  if (unused_.empty()) {
    const auto first = static_cast<uint32_t>(chunks_.size()) * kChunk;
    chunks_.push_back(std::make_unique<std::array<Slot, kChunk>>());
    for (uint32_t i = kChunk; i > 0; --i) unused_.push_back(first + i - 1);
  }
  return {unused_.back(), slot_at(unused_.back()).generation + 1};
}

Allocation& AllocationTable::add(const FiveTuple& five_tuple) {
  if ((size_ + 1) * 4 > index_.size() * 3) grow();
  const AllocationId id = next_id();
  unused_.pop_back();
  slot_at(id.slot).generation = id.generation;
  Allocation& allocation = slot_at(id.slot).allocation.emplace();
  allocation.id = id;
  allocation.five_tuple = five_tuple;
  put({hash(five_tuple), id.slot});
  ++size_;
  return allocation;
}

void AllocationTable::remove(Allocation& allocation) {
  const size_t mask = index_.size() - 1;
  const uint32_t slot = allocation.id.slot;
  size_t hole = hash(allocation.five_tuple) & mask;
  while (index_[hole].slot != slot) hole = (hole + 1) & mask;

  // Whatever was pushed beyond the hole by it moves back into it.
  for (size_t at = (hole + 1) & mask; index_[at].slot != kEmpty; at = (at + 1) & mask) {
    const size_t home = index_[at].hash & mask;
    if (((at - home) & mask) < ((at - hole) & mask)) continue;
    index_[hole] = index_[at];
    hole = at;
  }
  index_[hole] = {};

  slot_at(slot).allocation.reset();
  slot_at(slot).generation = (slot_at(slot).generation + 1) & kMaxGeneration;
  unused_.push_back(slot);
  --size_;
}

uint32_t AllocationTable::prefetch_place(const FiveTuple& five_tuple) const {
  const uint32_t place = hash(five_tuple);
  __builtin_prefetch(&index_[place & (index_.size() - 1)]);
  return place;
}

const Allocation* AllocationTable::prefetch(uint32_t place) const {
  const size_t mask = index_.size() - 1;
  for (size_t at = place & mask; index_[at].slot != kEmpty; at = (at + 1) & mask) {
    if (index_[at].hash != place) continue;
    const Slot& slot = slot_at(index_[at].slot);
    prefetch_hot(slot);
    return &*slot.allocation;
  }
  return nullptr;
}

const Allocation* AllocationTable::prefetch(AllocationId id) const {
  if (id.slot / kChunk >= chunks_.size()) return nullptr;
  const Slot& slot = slot_at(id.slot);
  prefetch_hot(slot);
  return slot.allocation ? &*slot.allocation : nullptr;
}

void AllocationTable::prefetch_tables(const Allocation& allocation) {
  allocation.channels.prefetch();
  for (const auto& side : allocation.sides) {
    if (side) side->permissions.prefetch();
  }
}

void AllocationTable::prefetch_hot(const Slot& slot) {
  constexpr size_t kLine = 64;
  constexpr size_t kHot = 6 * kLine;  // up to the channels: whatever forwarding reads
  static_assert(sizeof(FiveTuple) + sizeof(SocketId) + sizeof(Traffic) +
                    sizeof(Allocation::credit) + sizeof(Allocation::sides) + sizeof(ChannelTable) +
                    2 * sizeof(uint64_t) <=
                kHot);
  const auto* const begin = reinterpret_cast<const uint8_t*>(&slot);
  for (size_t at = 0; at < kHot; at += kLine) __builtin_prefetch(begin + at);
}

uint32_t AllocationTable::hash(const FiveTuple& five_tuple) const {
  return static_cast<uint32_t>(hash_of(five_tuple, seed_));
}

void AllocationTable::put(IndexEntry entry) {
  const size_t mask = index_.size() - 1;
  size_t at = entry.hash & mask;
  while (index_[at].slot != kEmpty) at = (at + 1) & mask;
  index_[at] = entry;
}

void AllocationTable::grow() {
  std::vector<IndexEntry> old(index_.size() * 2);
  old.swap(index_);
  for (const IndexEntry& entry : old) {
    if (entry.slot != kEmpty) put(entry);
  }
}

}  // namespace uturn
