// BlockPool: the memory for what waits on a shard's streams, in blocks of one size, bounded.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "protocol/bytes.h"
#include "server/streams/limits.h"

namespace uturn {

/// A link of somebody's chain. `messages` is the outgoing queue's.
struct Block {
  Block* next;
  uint32_t messages;  ///< that have bytes in it and have neither left nor been dropped
  std::array<uint8_t, kBlockSize - sizeof(Block*) - sizeof(uint64_t)> bytes;
};
static_assert(sizeof(Block) == kBlockSize);
inline constexpr size_t kBlockBytes = sizeof(Block::bytes);

/// Grows by slabs as far as its limit and keeps them: after the first rush nothing is asked of the
/// heap. Every block has been given back before it ends.
class BlockPool {
 public:
  explicit BlockPool(uint32_t limit) : limit_(limit) {}
  ~BlockPool() { CHECK(taken_ == 0); }
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;

  /// With no successor, no messages and any bytes; null where all are taken.
  Block* take();
  void give_back(Block* block);

  uint32_t taken() const { return taken_; }
  uint32_t available() const { return limit_ - taken_; }

 private:
  void grow();

  std::vector<std::unique_ptr<Block[]>> slabs_;
  Block* unused_ = nullptr;
  uint32_t made_ = 0;
  uint32_t taken_ = 0;
  uint32_t limit_;
};

}  // namespace uturn
