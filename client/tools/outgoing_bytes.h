// OutgoingBytes: what waits for a socket that has no room.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "protocol/bytes.h"

namespace uturn {

/// A bounded queue of bytes. What has gone is forgotten when all has, or half of the memory is it,
/// so that each byte moves once at the most.
class OutgoingBytes {
 public:
  explicit OutgoingBytes(size_t most) : most_(most) {}

  /// All three pieces (`padding` zero bytes) or, where there is no room, nothing: false.
  bool add(Bytes header, Bytes payload, size_t padding) {
    const size_t size = header.size() + payload.size() + padding;
    if (size > most_ - std::min(most_, waiting().size())) return false;
    bytes_.insert(bytes_.end(), header.begin(), header.end());
    bytes_.insert(bytes_.end(), payload.begin(), payload.end());
    bytes_.resize(bytes_.size() + padding);
    return true;
  }

  Bytes waiting() const { return Bytes{bytes_}.subspan(gone_); }

  void take(size_t size) {
    gone_ += size;
    if (gone_ < bytes_.size() && gone_ < bytes_.size() / 2) return;
    bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(gone_));
    gone_ = 0;
  }

  void clear() {
    bytes_ = {};
    gone_ = 0;
  }

 private:
  size_t most_;
  std::vector<uint8_t> bytes_;
  size_t gone_ = 0;
};

}  // namespace uturn
