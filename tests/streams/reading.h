// Reading: a connection as a session reads it, every read to the end of one buffer.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "server/streams/incoming_bytes.h"
#include "tests/protocol/hex.h"

namespace uturn {

class Reading {
 public:
  explicit Reading(IncomingBytes& kept) : kept_(&kept) {}

  /// Reads `bytes`, takes all their frames, and says why there are no more.
  IncomingError receive(Bytes bytes) {
    const size_t used = kept_->size() + bytes.size();
    if (buffer_.size() < used) buffer_.resize(used);
    std::ranges::copy(bytes, buffer_.end() - static_cast<ptrdiff_t>(bytes.size()));
    IncomingRead read(*kept_, MutableBytes{buffer_}.last(used), bytes.size());
    for (;;) {
      const auto frame = read.next_frame(longest);
      if (!frame) return frame.error();
      frames.push_back(to_hex(*frame));
    }
  }

  size_t longest = kMaxFrameSize;
  std::vector<std::string> frames;  ///< in hexadecimal

 private:
  IncomingBytes* kept_;
  std::vector<uint8_t> buffer_;
};

}  // namespace uturn
