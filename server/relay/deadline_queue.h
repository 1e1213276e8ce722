// DeadlineQueue: what is due when. Adding, moving, removing cost O(1) whatever the number of
// entries.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "protocol/bytes.h"
#include "protocol/time.h"

namespace uturn {

/// A wheel of seconds: 4,096 slots hold lists of what is due in them, so every lifetime of TURN (at
/// most an hour by default) fits in one turn; later deadlines stay in the farthest slot and are put
/// back when it comes. An entry is due at the first whole second at or after its deadline; who
/// needs the exact instant compares for itself, the queue only sweeps.
class DeadlineQueue {
 public:
  using Handle = uint32_t;
  static constexpr Handle kNone = UINT32_MAX;

  explicit DeadlineQueue(Now now) : swept_(second_of(now.monotonic)) { slots_.fill(kNone); }

  Handle add(Instant deadline, uint64_t payload);
  void move(Handle handle, Instant deadline);
  void remove(Handle handle);
  size_t size() const { return size_; }

  /// Takes out at most `most` entries that are due and calls `due(payload)` for each; what is left
  /// over waits for the next call. `due` may add, move and remove.
  template <class Due>
  uint32_t expire(Now now, uint32_t most, Due due);

  /// When expire() shall be called next: kNever without entries, otherwise at the next second, or
  /// at once where the last call left some over.
  Instant next() const;

 private:
  static constexpr int64_t kSlots = 4'096;
  struct Entry {
    int64_t second;  ///< its deadline, rounded up
    uint64_t payload;
    Handle before;
    Handle after;
    uint32_t slot;
  };
  static int64_t second_of(Instant instant) {
    return std::chrono::floor<std::chrono::seconds>(instant.time_since_epoch()).count();
  }
  static int64_t second_at_or_after(Instant instant) {
    return std::chrono::ceil<std::chrono::seconds>(instant.time_since_epoch()).count();
  }
  void link(Handle handle, int64_t earliest);
  void unlink(Handle handle);

  std::array<Handle, kSlots> slots_;
  std::vector<Entry> entries_;
  std::vector<Handle> unused_;
  int64_t swept_;  ///< every slot up to this second is empty, or is being swept
  size_t size_ = 0;
};

template <class Due>
uint32_t DeadlineQueue::expire(Now now, uint32_t most, Due due) {
  const int64_t today = second_of(now.monotonic);
  uint32_t taken = 0;
  if (size_ == 0) swept_ = today;
  for (; swept_ <= today; ++swept_) {
    Handle& slot = slots_[static_cast<size_t>(swept_ % kSlots)];
    while (slot != kNone) {
      if (taken == most) return taken;
      ++taken;  // an entry that is only put back counts too: work is bounded
      const Handle handle = slot;
      unlink(handle);
      if (entries_[handle].second > swept_) {
        link(handle, swept_ + 1);  // beyond the horizon when it was linked: its slot lies ahead
        continue;
      }
      const uint64_t payload = entries_[handle].payload;
      unused_.push_back(handle);
      --size_;
      due(payload);
    }
    if (swept_ == today) break;
  }
  return taken;
}

}  // namespace uturn
