// TlsOutput: one block while something waits, none else.
#include "io/tls_output.h"

namespace uturn {

TlsBuffers::Block TlsBuffers::take() {
  if (kept_.empty()) return std::make_unique_for_overwrite<uint8_t[]>(kOutputSize);
  Block block = std::move(kept_.back());
  kept_.pop_back();
  return block;
}

void TlsBuffers::give_back(Block block) {
  if (kept_.size() < kKept) kept_.push_back(std::move(block));
}

TlsOutput::~TlsOutput() {
  if (block_ != nullptr) buffers_->give_back(std::move(block_));
}

size_t TlsOutput::append(Bytes bytes) {
  if (block_ == nullptr) block_ = buffers_->take();
  const size_t taken = std::min(bytes.size(), TlsBuffers::kOutputSize - end_);
  std::ranges::copy(bytes.first(taken), block_.get() + end_);
  end_ += taken;
  return taken;
}

void TlsOutput::remove_front(size_t size) {
  CHECK(size <= end_ - begin_);
  begin_ += size;
  if (begin_ != end_) return;
  begin_ = end_ = 0;
  if (block_ != nullptr) buffers_->give_back(std::move(block_));
}

}  // namespace uturn
