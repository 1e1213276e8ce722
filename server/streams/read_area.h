// ReadArea: where what a shard reads from streams lies until its pass ends.
#pragma once

#include <memory>

#include "protocol/bytes.h"
#include "server/streams/limits.h"

namespace uturn {

/// Frames are forwarded in place, so what was read stays until everything queued has been sent. One
/// read lies behind the other, and each takes only what came:
///
///   ┌──────┬────────┬──────┬─────────────┬─────────────────────────────┐
///   │ room │ a read │ room │ a read      │ offered next: room, a read  │
///   └──────┴────────┴──────┴─────────────┴─────────────────────────────┘
///
/// Where too little is left, what is queued has to be sent before it starts over.
class ReadArea {
 public:
  /// `size` bytes to read into behind `room` bytes; empty: start over first.
  MutableBytes offer(size_t room, size_t size) {
    CHECK(room + size <= kReadAreaSize);
    if (kReadAreaSize - used_ < room + size) return {};
    return {area_.get() + used_, room + size};
  }
  /// The first `size` bytes of what was offered last are in use.
  void take(size_t size) { used_ += size; }

  /// Frames lie one behind the other: the room in front of one is another's payload. So the header
  /// of what goes to another client (a shortcut) is written here. Empty: start over first.
  MutableBytes headroom() {
    if (rooms_used_ == kFramesPerReadArea) return {};
    return {rooms_.get() + kHeadroom * rooms_used_++, kHeadroom};
  }

  void reuse_headrooms() { rooms_used_ = 0; }
  void start_over() { used_ = rooms_used_ = 0; }

 private:
  std::unique_ptr<uint8_t[]> area_ = std::make_unique_for_overwrite<uint8_t[]>(kReadAreaSize);
  std::unique_ptr<uint8_t[]> rooms_ =
      std::make_unique_for_overwrite<uint8_t[]>(kHeadroom * kFramesPerReadArea);
  size_t used_ = 0;
  size_t rooms_used_ = 0;
};

}  // namespace uturn
