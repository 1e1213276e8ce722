// Handing datagrams from shard to shard.
#include "server/shortcut_rings.h"

namespace uturn {

void ShortcutSlot::fill(const Shortcut& shortcut) {
  const Bytes payload = shortcut.forward.payload;
  CHECK(payload.size() <= kMaxPayload);
  head_ = {shortcut.from, peer_address(shortcut.forward.to), shortcut.forward.ip,
           static_cast<uint16_t>(payload.size())};
  std::ranges::copy(payload, &bytes_[kHeadroom]);
}

bool ShortcutRing::push(const Shortcut& shortcut) {
  const uint32_t pushed = pushed_.load(std::memory_order_relaxed);
  if (pushed - released_seen_ == kShortcutSlots) {
    released_seen_ = released_.load(std::memory_order_acquire);
    if (pushed - released_seen_ == kShortcutSlots) return false;
  }
  slot(pushed).fill(shortcut);
  pushed_.store(pushed + 1, std::memory_order_release);
  return true;
}

ShortcutSlot* ShortcutRing::next() {
  if (read_ == pushed_.load(std::memory_order_acquire)) return nullptr;
  return &slot(read_++);
}

void ShortcutRing::release() { released_.store(read_, std::memory_order_release); }

void ShortcutRings::make(uint8_t from, uint8_t to) {
  CHECK(from < shards_ && to < shards_ && from != to);
  if (between(from, to) != nullptr) return;
  const std::lock_guard lock(mutex_);
  if (made_.size() == kShortcutRings) return;
  made_.push_back(std::make_unique<ShortcutRing>());
  rings_[size_t{from} * shards_ + to].store(made_.back().get(), std::memory_order_release);
}

}  // namespace uturn
