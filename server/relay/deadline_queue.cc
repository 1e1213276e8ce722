// The wheel of seconds behind every lifetime.
#include "server/relay/deadline_queue.h"

namespace uturn {

DeadlineQueue::Handle DeadlineQueue::add(Instant deadline, uint64_t payload) {
  Handle handle;
  if (unused_.empty()) {
    handle = static_cast<Handle>(entries_.size());
    entries_.emplace_back();
  } else {
    handle = unused_.back();
    unused_.pop_back();
  }
  entries_[handle] = {second_at_or_after(deadline), payload, kNone, kNone, 0};
  link(handle, swept_);
  ++size_;
  return handle;
}

void DeadlineQueue::move(Handle handle, Instant deadline) {
  unlink(handle);
  entries_[handle].second = second_at_or_after(deadline);
  link(handle, swept_);
}

void DeadlineQueue::remove(Handle handle) {
  unlink(handle);
  unused_.push_back(handle);
  --size_;
}

Instant DeadlineQueue::next() const {
  if (size_ == 0) return kNever;
  const bool left_over = slots_[static_cast<size_t>(swept_ % kSlots)] != kNone;
  return Instant{std::chrono::seconds(left_over ? swept_ : swept_ + 1)};
}

// What is overdue goes to the slot swept next, what is beyond the horizon to the farthest one.
void DeadlineQueue::link(Handle handle, int64_t earliest) {
  Entry& entry = entries_[handle];
  const int64_t second = std::clamp(entry.second, earliest, swept_ + kSlots - 1);
  entry.slot = static_cast<uint32_t>(second % kSlots);
  Handle& head = slots_[entry.slot];
  entry.before = kNone;
  entry.after = head;
  if (head != kNone) entries_[head].before = handle;
  head = handle;
}

void DeadlineQueue::unlink(Handle handle) {
  const Entry& entry = entries_[handle];
  if (entry.before != kNone) {
    entries_[entry.before].after = entry.after;
  } else {
    slots_[entry.slot] = entry.after;
  }
  if (entry.after != kNone) entries_[entry.after].before = entry.before;
}

}  // namespace uturn
