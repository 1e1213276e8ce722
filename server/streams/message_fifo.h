// MessageFifo: whole messages one behind the other in blocks, the first of which may be leaving.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "protocol/bytes.h"
#include "protocol/time.h"
#include "server/streams/block_pool.h"

namespace uturn {

/// One message for a stream, as a Forward has it: header, payload and zeros, back to back.
struct OutgoingMessage {
  Bytes header;
  Bytes payload;
  uint8_t padding = 0;
  size_t size() const { return header.size() + payload.size() + padding; }
};

/// Spans of what shall leave, and how much more is wanted.
struct Gathering {
  std::span<Bytes> spans;
  size_t bytes;
  size_t count = 0;  ///< of the spans that are filled
  bool is_full() const { return count == spans.size() || bytes == 0; }
};

/// A message and, in front of it, its Record run through the blocks as one stream of bytes:
///
///   block                                 block
///   ┌───────────┬────────┬─────────┬─────┐┌────────────┬────────┬──────────────┐
///   │ … leaving │ Record │ message │ Rec ││ ord │ mess │ age    │              │
///   └───────────┴────────┴─────────┴─────┘└────────────┴────────┴──────────────┘
///     ^begun_    ^front_                                         ^end_
///
/// A block counts the messages with bytes in it and goes back to the pool with the last of them.
/// So messages may be dropped from behind one that is leaving, and without messages no block is
/// held.
class MessageFifo {
 public:
  explicit MessageFifo(BlockPool& pool) : pool_(&pool) {}
  ~MessageFifo() { clear(); }
  MessageFifo(const MessageFifo&) = delete;
  MessageFifo& operator=(const MessageFifo&) = delete;

  /// False, and nothing is changed, where the pool has not enough blocks.
  bool push(const OutgoingMessage& message, Instant at);

  // The messages of which nothing has left.
  bool empty() const { return messages_ == 0; }
  size_t bytes() const { return bytes_; }
  Instant oldest() const { return front_record().pushed; }  ///< when it was pushed
  void drop_oldest();

  size_t begun_bytes() const { return begun_left_; }  ///< left of the message that is leaving
  void gather_begun(Gathering& into) const;
  void gather_waiting(Gathering& into) const;
  /// So many bytes left: of the message that was leaving, then of the oldest. Returns what is over.
  size_t sent_begun(size_t count);
  size_t sent(size_t count);

  void clear();

 private:
  struct Record {
    Instant pushed;
    size_t size;
  };
  /// A place in the stream; at the end of a block it moves on only when bytes are asked for.
  struct Cursor {
    Block* block = nullptr;
    size_t at = 0;
    MutableBytes take(size_t most);
    void skip(size_t count);
  };
  static void write(Cursor& cursor, Bytes bytes);
  static Record read_record(Cursor& cursor);
  static void gather(Cursor& cursor, size_t size, Gathering& into);

  Record front_record() const;
  bool extend(size_t count);
  Record pop_front(Cursor& message);
  void release(Block* from, const Block* to);
  void release(Block* block);

  BlockPool* pool_;
  Cursor begun_;
  Cursor front_;
  Cursor end_;
  size_t begun_left_ = 0;
  size_t messages_ = 0;
  size_t bytes_ = 0;
};

}  // namespace uturn
