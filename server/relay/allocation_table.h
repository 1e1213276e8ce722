// AllocationTable: the allocations of a shard, by five-tuple and by id.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "server/relay/allocation.h"

namespace uturn {

/// Slots in chunks that never move, and an open-addressing index of five-tuples: eight bytes an
/// entry, at most three quarters full, grown by request only. `seed` is secret, so that nobody can
/// choose colliding clients.
class AllocationTable {
 public:
  explicit AllocationTable(uint64_t seed);

  Allocation* find(const FiveTuple& five_tuple);
  const Allocation* find(const FiveTuple& five_tuple) const;
  Allocation* find(AllocationId id);  ///< null if the slot lives another life

  /// The id that the next add() will use: a socket's tag names it before the allocation exists.
  AllocationId next_id();
  Allocation& add(const FiveTuple& five_tuple);
  void remove(Allocation& allocation);

  // Ahead of a find(), so that the cache misses of several come together. Three steps, since each
  // reads what the one before brings: the five-tuple's place in the index, the allocation, and the
  // tables that hang on it. Whoever is found may be gone, or another one, when its turn comes.
  uint32_t prefetch_place(const FiveTuple& five_tuple) const;  ///< returns what the next step needs
  const Allocation* prefetch(uint32_t place) const;            ///< null: nobody's
  const Allocation* prefetch(AllocationId id) const;
  static void prefetch_tables(const Allocation& allocation);

  size_t size() const { return size_; }
  /// Slots from `first` on, at most `count` of them: calls `visit(const Allocation&)` for each that
  /// is used, and returns the slot to go on from; nothing at the end. Whoever lives as long as a
  /// walk lasts is met once.
  template <class Visit>
  std::optional<uint32_t> visit(uint32_t first, uint32_t count, Visit visit) const {
    const auto slots = static_cast<uint32_t>(chunks_.size()) * kChunk;
    const uint32_t end = first < slots && count < slots - first ? first + count : slots;
    for (uint32_t slot = first; slot < end; ++slot) {
      if (const auto& allocation = slot_at(slot).allocation) visit(*allocation);
    }
    return end < slots ? std::optional{end} : std::nullopt;
  }
  /// Calls `visit(Allocation&)` for each; for shutting down.
  template <class Visit>
  void for_each(Visit visit) {
    for (auto& chunk : chunks_) {
      for (Slot& slot : *chunk) {
        if (slot.allocation) visit(*slot.allocation);
      }
    }
  }

 private:
  static constexpr uint32_t kChunk = 256;
  static constexpr uint32_t kEmpty = UINT32_MAX;
  /// The generation is odd while somebody lives here. It stands in front, with what every datagram
  /// asks for.
  struct alignas(64) Slot {
    uint32_t generation = 0;
    std::optional<Allocation> allocation;
  };
  struct IndexEntry {
    uint32_t hash = 0;
    uint32_t slot = kEmpty;
  };
  Slot& slot_at(uint32_t slot) { return (*chunks_[slot / kChunk])[slot % kChunk]; }
  const Slot& slot_at(uint32_t slot) const { return (*chunks_[slot / kChunk])[slot % kChunk]; }
  static void prefetch_hot(const Slot& slot);
  uint32_t hash(const FiveTuple& five_tuple) const;
  void put(IndexEntry entry);
  void grow();

  uint64_t seed_;
  std::vector<std::unique_ptr<std::array<Slot, kChunk>>> chunks_;
  std::vector<uint32_t> unused_;
  std::vector<IndexEntry> index_;
  size_t size_ = 0;
};

}  // namespace uturn
