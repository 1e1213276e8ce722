// Keeping parts of frames, and cutting the whole ones.
#include "server/streams/incoming_bytes.h"

#include <algorithm>
#include <array>

namespace uturn {

bool IncomingBytes::append(Bytes bytes) {
  while (!bytes.empty()) {
    const size_t at = size_ % kBlockBytes;
    if (at == 0) {
      Block* const block = shared_->pool.take();
      if (block == nullptr) return false;
      (last_ == nullptr ? first_ : last_->next) = block;
      last_ = block;
    }
    const size_t count = std::min(bytes.size(), kBlockBytes - at);
    std::ranges::copy(bytes.first(count), &last_->bytes[at]);
    shared_->copied += count;
    size_ += count;
    bytes = bytes.subspan(count);
  }
  return true;
}

void IncomingBytes::copy_to(MutableBytes out) const {
  CHECK(out.size() <= size_);
  shared_->copied += out.size();
  for (const Block* block = first_; !out.empty(); block = block->next) {
    const size_t count = std::min(out.size(), kBlockBytes);
    std::copy_n(block->bytes.begin(), count, out.begin());
    out = out.subspan(count);
  }
}

void IncomingBytes::forget() {
  while (first_ != nullptr) {
    Block* const block = first_;
    first_ = block->next;
    shared_->pool.give_back(block);
  }
  last_ = nullptr;
  size_ = 0;
}

IncomingRead::IncomingRead(IncomingBytes& kept, MutableBytes buffer, size_t size)
    : room_(buffer.first(buffer.size() - size)), unread_(buffer.last(size)), kept_(kept) {
  CHECK(room_.size() >= kept.size());
}

Result<Frame, FramingError> IncomingRead::announced() const {
  if (kept_.size() == 0) return announced_frame(unread_);
  if (kept_.size() >= kFrameHeaderSize)
    return announced_frame(Bytes{kept_.first_->bytes}.first(kFrameHeaderSize));
  std::array<uint8_t, kFrameHeaderSize> header;
  const size_t from_kept = kept_.size();
  const size_t from_read = std::min(unread_.size(), header.size() - from_kept);
  std::copy_n(kept_.first_->bytes.begin(), from_kept, header.begin());
  std::copy_n(unread_.begin(), from_read, header.begin() + from_kept);
  return announced_frame(Bytes{header}.first(from_kept + from_read));
}

Result<MutableBytes, IncomingError> IncomingRead::next_frame(size_t longest) {
  const auto frame = announced();
  if (!frame && frame.error() == FramingError::not_turn) return Failure{IncomingError::not_turn};
  if (frame && frame->size > longest) return Failure{IncomingError::too_long};
  if (!frame || frame->consumed > kept_.size() + unread_.size())
    return Failure{keep_rest() ? IncomingError::incomplete : IncomingError::no_block};
  const MutableBytes bytes = rest().first(frame->size);
  consume(frame->consumed);
  return bytes;
}

MutableBytes IncomingRead::rest() {
  if (const size_t kept = kept_.size(); kept > 0) {
    CHECK(room_.size() >= kept);
    const MutableBytes in_front = room_.last(kept);
    kept_.copy_to(in_front);
    kept_.forget();
    room_ = room_.first(room_.size() - kept);
    unread_ = {in_front.data(), kept + unread_.size()};
  }
  return unread_;
}

void IncomingRead::consume(size_t size) {
  CHECK(kept_.size() == 0);
  unread_ = unread_.subspan(size);
}

bool IncomingRead::keep_rest() {
  const bool kept = kept_.append(unread_);
  room_ = unread_ = unread_.last(0);
  return kept;
}

}  // namespace uturn
