// Writing messages into blocks, reading them in place, dropping them whole.
#include "server/streams/message_fifo.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <type_traits>

namespace uturn {

MutableBytes MessageFifo::Cursor::take(size_t most) {
  if (at == kBlockBytes) *this = {block->next, 0};
  const size_t count = std::min(most, kBlockBytes - at);
  at += count;
  return {block->bytes.data() + at - count, count};
}

void MessageFifo::Cursor::skip(size_t count) {
  while (count > 0) count -= take(count).size();
}

void MessageFifo::write(Cursor& cursor, Bytes bytes) {
  while (!bytes.empty()) {
    const MutableBytes into = cursor.take(bytes.size());
    std::ranges::copy(bytes.first(into.size()), into.begin());
    bytes = bytes.subspan(into.size());
  }
}

MessageFifo::Record MessageFifo::read_record(Cursor& cursor) {
  static_assert(std::is_trivially_copyable_v<Record>);
  Record record;
  auto* out = reinterpret_cast<uint8_t*>(&record);
  for (size_t left = sizeof record; left > 0;) {
    const Bytes part = cursor.take(left);
    std::memcpy(out, part.data(), part.size());
    out += part.size();
    left -= part.size();
  }
  return record;
}

bool MessageFifo::push(const OutgoingMessage& message, Instant at) {
  CHECK(message.size() > 0 && message.padding < 4);
  const Record record{at, message.size()};
  if (!extend(sizeof record + record.size)) return false;

  constexpr std::array<uint8_t, 4> kZeros{};
  if (end_.at == kBlockBytes) end_ = {end_.block->next, 0};
  const Cursor start = end_;
  if (empty()) front_ = start;
  write(end_, {reinterpret_cast<const uint8_t*>(&record), sizeof record});
  write(end_, message.header);
  write(end_, message.payload);
  write(end_, Bytes{kZeros}.first(message.padding));
  for (Block* block = start.block; block != end_.block; block = block->next) ++block->messages;
  ++end_.block->messages;
  ++messages_;
  bytes_ += record.size;
  return true;
}

/// Links blocks behind the end until `count` bytes fit: all or none.
bool MessageFifo::extend(size_t count) {
  const size_t room = end_.block == nullptr ? 0 : kBlockBytes - end_.at;
  if (count <= room) return true;
  size_t blocks = (count - room + kBlockBytes - 1) / kBlockBytes;
  if (blocks > pool_->available()) return false;
  if (end_.block == nullptr) {
    end_ = {pool_->take(), 0};
    --blocks;
  }
  for (Block* last = end_.block; blocks > 0; --blocks, last = last->next)
    last->next = pool_->take();
  return true;
}

MessageFifo::Record MessageFifo::front_record() const {
  CHECK(!empty());
  Cursor cursor = front_;
  return read_record(cursor);
}

/// The oldest is no longer the front; its blocks are still held. `message`: where it begins.
MessageFifo::Record MessageFifo::pop_front(Cursor& message) {
  CHECK(!empty());
  message = front_;
  const Record record = read_record(message);
  front_ = message;
  front_.skip(record.size);
  --messages_;
  bytes_ -= record.size;
  return record;
}

void MessageFifo::drop_oldest() {
  Block* const first = front_.block;
  Cursor message;
  pop_front(message);
  Block* const last = front_.block;
  // The next one may begin in a block that this one has no part in.
  if (!empty() && front_.at == kBlockBytes) front_ = {last->next, 0};
  release(first, last);
  release(last);
}

void MessageFifo::gather(Cursor& cursor, size_t size, Gathering& into) {
  while (size > 0 && !into.is_full()) {
    const Bytes part = cursor.take(std::min(size, into.bytes));
    into.spans[into.count++] = part;
    into.bytes -= part.size();
    size -= part.size();
  }
}

void MessageFifo::gather_begun(Gathering& into) const {
  Cursor cursor = begun_;
  gather(cursor, begun_left_, into);
}

void MessageFifo::gather_waiting(Gathering& into) const {
  Cursor cursor = front_;
  for (size_t left = messages_; left > 0 && !into.is_full(); --left) {
    const Record record = read_record(cursor);
    gather(cursor, record.size, into);
  }
}

size_t MessageFifo::sent_begun(size_t count) {
  while (count > 0 && begun_left_ > 0) {
    Block* const block = begun_.block;
    const size_t part = begun_.take(std::min(count, begun_left_)).size();
    release(block, begun_.block);
    count -= part;
    begun_left_ -= part;
  }
  if (begun_left_ == 0 && begun_.block != nullptr) {
    release(begun_.block);
    begun_ = {};
  }
  return count;
}

size_t MessageFifo::sent(size_t count) {
  while (count > 0 && !empty()) {
    Block* const first = front_.block;
    begun_left_ = pop_front(begun_).size;
    if (!empty() && front_.at == kBlockBytes) front_ = {front_.block->next, 0};
    release(first, begun_.block);
    count = sent_begun(count);
  }
  return count;
}

void MessageFifo::clear() {
  while (!empty()) drop_oldest();
  sent_begun(begun_left_);
}

/// A message has no bytes in these any more, `to` not among them.
void MessageFifo::release(Block* from, const Block* to) {
  while (from != to) {
    Block* const next = from->next;
    release(from);
    from = next;
  }
}

void MessageFifo::release(Block* block) {
  CHECK(block->messages > 0);
  if (--block->messages > 0) return;
  if (block == end_.block) end_ = {};
  pool_->give_back(block);
}

}  // namespace uturn
