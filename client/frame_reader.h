// FrameReader: whole frames from a stream, however it was cut (RFC 8489, Section 6.2.2; RFC 8656,
// Section 12.5).
#pragma once

#include <concepts>
#include <cstddef>
#include <vector>

#include "protocol/bytes.h"
#include "protocol/stream_framing.h"

namespace uturn {

/// Frames that arrived whole are cut in place; only the beginning of one that did not is kept, less
/// than kMaxFrameSize bytes. Each byte is copied twice at the most, whatever the chunks are.
class FrameReader {
 public:
  /// Gives every frame that is complete by now, without its padding; valid during the call. False:
  /// what stands there is not TURN, and nothing after it can be found.
  template <std::invocable<MutableBytes> OnFrame>
  bool feed(MutableBytes arrived, OnFrame on_frame) {
    if (kept_.empty()) return keep(arrived, cut(arrived, on_frame));
    kept_.insert(kept_.end(), arrived.begin(), arrived.end());
    const size_t used = cut(kept_, on_frame);
    if (used == kNotTurn) return false;
    kept_.erase(kept_.begin(), kept_.begin() + static_cast<std::ptrdiff_t>(used));
    return true;
  }

  size_t kept() const { return kept_.size(); }
  void clear() { kept_ = {}; }

 private:
  static constexpr size_t kNotTurn = SIZE_MAX;

  /// How many bytes the complete frames had.
  template <class OnFrame>
  static size_t cut(MutableBytes bytes, OnFrame& on_frame) {
    size_t used = 0;
    for (;;) {
      const auto frame = next_frame(bytes.subspan(used));
      if (!frame) return frame.error() == FramingError::incomplete ? used : kNotTurn;
      on_frame(bytes.subspan(used, frame->size));
      used += frame->consumed;
    }
  }

  bool keep(Bytes bytes, size_t used) {
    if (used == kNotTurn) return false;
    kept_.assign(bytes.begin() + static_cast<std::ptrdiff_t>(used), bytes.end());
    return true;
  }

  std::vector<uint8_t> kept_;
};

}  // namespace uturn
