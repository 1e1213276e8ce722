// OutgoingQueue: what waits for a client that reads more slowly than its peers send.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "protocol/bytes.h"
#include "protocol/time.h"
#include "server/streams/block_pool.h"
#include "server/streams/message_fifo.h"

namespace uturn {

/// Data of a peer is lost rather than late, as on UDP; what answers the client is not lost.
enum class Droppable : bool { no, yes };

/// What all queues of a shard share: limits of each queue, and which messages were dropped.
struct SharedOutgoing {
  BlockPool& pool;
  size_t max_bytes;  ///< of one queue, headers and padding included
  Duration max_age;  ///< older data is of no use to a call

  uint64_t dropped_full = 0;           ///< the oldest of a full queue, or what never fitted
  uint64_t dropped_old = 0;            ///< waited for max_age
  uint64_t dropped_without_block = 0;  ///< the other clients of the shard had them all
};

/// Answers leave before data, each kind in its order, and a message that has begun to leave before
/// both: nobody else's bytes come into its middle. Over a limit the oldest data is dropped, always
/// whole messages, never one that has begun. Plaintext: TLS makes records of what is gathered.
class OutgoingQueue {
 public:
  explicit OutgoingQueue(SharedOutgoing& shared)
      : shared_(&shared), answers_(shared.pool), data_(shared.pool) {}

  /// Copies it. False: it was dropped; an answer, only because answers alone have filled the queue
  /// (a client that asks and never reads) or the pool is empty.
  bool push(const OutgoingMessage& message, Droppable droppable, Now now);

  /// What leaves next: returns how many of `spans` were filled, with `most` bytes together. They
  /// are valid until anything but gather() is called. Drops first what is too old.
  size_t gather(std::span<Bytes> spans, size_t most, Now now);
  /// The first `count` bytes of what was gathered last have left.
  void sent(size_t count);

  void drop_old(Now now);
  Instant next_drop() const;  ///< when drop_old() will find something; kNever without data

  bool empty() const { return bytes() == 0; }
  size_t bytes() const { return undroppable_bytes() + data_.bytes(); }

 private:
  size_t undroppable_bytes() const {
    return answers_.begun_bytes() + answers_.bytes() + data_.begun_bytes();
  }
  SharedOutgoing* shared_;
  MessageFifo answers_;
  MessageFifo data_;
};

}  // namespace uturn
