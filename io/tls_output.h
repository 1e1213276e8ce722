// TlsOutput: ciphertext that waits for the socket; TlsBuffers: where the sessions of a shard take
// the room for it, and give it back as soon as nothing waits.
#pragma once

#include <memory>
#include <vector>

#include "protocol/bytes.h"

namespace uturn {

/// One per shard; belongs to its thread. Sessions with nothing pending hold none of it.
class TlsBuffers {
 public:
  /// A full record of any suite, and what the handshake may want to say beside it.
  static constexpr size_t kOutputSize = 18 * 1024;
  static constexpr size_t kGatherSize = 16 * 1024;
  /// Free blocks that are kept rather than returned to the heap.
  static constexpr size_t kKept = 64;
  using Block = std::unique_ptr<uint8_t[]>;

  Block take();
  void give_back(Block block);
  /// Where messages are laid in a row before they become one record.
  MutableBytes gather() { return {gather_.get(), kGatherSize}; }

 private:
  std::vector<Block> kept_;
  Block gather_ = std::make_unique_for_overwrite<uint8_t[]>(kGatherSize);
};

class TlsOutput {
 public:
  explicit TlsOutput(TlsBuffers& buffers) : buffers_(&buffers) {}
  TlsOutput(const TlsOutput&) = delete;
  TlsOutput& operator=(const TlsOutput&) = delete;
  ~TlsOutput();

  Bytes bytes() const { return {block_.get() + begin_, end_ - begin_}; }
  bool empty() const { return begin_ == end_; }
  size_t append(Bytes bytes);  ///< what there was room for
  void remove_front(size_t size);
  MutableBytes gather() { return buffers_->gather(); }
  /// Of another shard; nothing may wait here.
  void move_to(TlsBuffers& buffers) {
    CHECK(block_ == nullptr);
    buffers_ = &buffers;
  }

 private:
  TlsBuffers* buffers_;
  TlsBuffers::Block block_;
  size_t begin_ = 0;
  size_t end_ = 0;
};

}  // namespace uturn
