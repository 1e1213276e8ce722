// Taking blocks and giving them back.
#include "server/streams/block_pool.h"

#include <algorithm>

namespace uturn {

Block* BlockPool::take() {
  if (taken_ == limit_) return nullptr;
  if (unused_ == nullptr) grow();
  Block* const block = unused_;
  unused_ = block->next;
  block->next = nullptr;
  block->messages = 0;
  ++taken_;
  return block;
}

void BlockPool::give_back(Block* block) {
  CHECK(taken_ > 0);
  --taken_;
  block->next = unused_;  // the last one given back is the next one taken: it is in the cache
  unused_ = block;
}

void BlockPool::grow() {
  const uint32_t count = std::min(kBlocksPerSlab, limit_ - made_);
  slabs_.push_back(std::make_unique_for_overwrite<Block[]>(count));
  for (uint32_t i = 0; i < count; ++i) {
    slabs_.back()[i].next = unused_;
    unused_ = &slabs_.back()[i];
  }
  made_ += count;
}

}  // namespace uturn
