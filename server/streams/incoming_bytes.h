// IncomingBytes: what has come of a client's stream and is no whole frame yet.
#pragma once

#include <cstddef>
#include <cstdint>

#include "protocol/bytes.h"
#include "protocol/result.h"
#include "protocol/stream_framing.h"
#include "server/streams/block_pool.h"

namespace uturn {

enum class IncomingError : uint8_t {
  incomplete,  ///< no more frames in what was read; what is left over is kept
  not_turn,    ///< close the connection
  too_long,    ///< the frame is announced to be longer than it may: close the connection
  no_block,    ///< too much is kept for others already: close the connection
};

/// What all streams of a shard share.
struct SharedIncoming {
  BlockPool& pool;
  uint64_t copied = 0;  ///< bytes, into blocks and out again; most frames come whole and add none
};

/// What was read and not consumed is kept in blocks of the pool until more comes. A connection of
/// which every frame was consumed keeps none.
class IncomingBytes {
 public:
  explicit IncomingBytes(SharedIncoming& shared) : shared_(&shared) {}
  ~IncomingBytes() { forget(); }
  IncomingBytes(const IncomingBytes&) = delete;
  IncomingBytes& operator=(const IncomingBytes&) = delete;

  size_t size() const { return size_; }

 private:
  friend class IncomingRead;
  [[nodiscard]] bool append(Bytes bytes);
  void copy_to(MutableBytes out) const;  ///< the first out.size() of them
  void forget();

  SharedIncoming* shared_;
  Block* first_ = nullptr;
  Block* last_ = nullptr;
  size_t size_ = 0;
};

/// The frames of one read, in place:
///
///   room (at least kept.size())    read
///   ┌─────────────────────────────┬───────────────────┬───────────┬─────────────┐
///   │                  kept bytes │ … end of a frame  │ a frame   │ a part of … │
///   └─────────────────────────────┴───────────────────┴───────────┴─────────────┘
///
/// What was kept is put in front of the read once its frame is complete, and not before: a byte is
/// copied at most once into a block and once out of it, however small the pieces are in which it
/// comes. Frames stay where they are as long as the buffer does.
class IncomingRead {
 public:
  /// `buffer` ends with `size` bytes that were read, behind at least kept.size() bytes of room.
  IncomingRead(IncomingBytes& kept, MutableBytes buffer, size_t size);

  /// The next frame without its padding. A frame of more than `longest` bytes is too long.
  Result<MutableBytes, IncomingError> next_frame(size_t longest = kMaxFrameSize);

  /// Everything that is not consumed yet, in one piece: for what is no frame (a PROXY header, TLS,
  /// the data of a TCP relay behind ConnectionBind).
  MutableBytes rest();
  /// The first `size` bytes of rest() are done with.
  void consume(size_t size);
  /// Keeps what is not consumed for the next read. False: no block for it.
  [[nodiscard]] bool keep_rest();

 private:
  Result<Frame, FramingError> announced() const;
  MutableBytes room_;    ///< in front of unread_
  MutableBytes unread_;  ///< behind what is kept
  IncomingBytes& kept_;
};

}  // namespace uturn
