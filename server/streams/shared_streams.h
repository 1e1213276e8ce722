// SharedStreams: what all stream connections of a shard share.
#pragma once

#include <memory>

#include "io/loop.h"
#include "io/tls_output.h"
#include "protocol/time.h"
#include "server/streams/block_pool.h"
#include "server/streams/incoming_bytes.h"
#include "server/streams/outgoing_queue.h"
#include "server/streams/read_area.h"
#include "server/streams/stream_counters.h"

namespace uturn {

/// Belongs to the shard's thread and outlives its streams. `now` is the shard's: read once a batch.
struct SharedStreams {
  SharedStreams(Loop& loop_, const Now& now_, size_t queue_bytes, Duration queue_age)
      : loop(loop_),
        streams(loop_.streams()),
        now(now_),
        outgoing{outgoing_pool, queue_bytes, queue_age} {}

  /// Where the next read of `size` bytes goes, behind `room` bytes. Where the area is full, what
  /// is queued in it leaves first.
  MutableBytes offer(size_t room, size_t size = kReadSize) {
    MutableBytes buffer = area.offer(room, size);
    if (!buffer.empty()) return buffer;
    loop.flush();
    area.start_over();
    return area.offer(room, size);
  }

  /// The room in front of a frame.
  MutableBytes headroom() {
    MutableBytes room = area.headroom();
    if (!room.empty()) return room;
    loop.flush();
    area.reuse_headrooms();
    return area.headroom();
  }

  bool may_read() const { return bytes_left > 0; }
  void count_read(size_t size) { bytes_left -= std::min(bytes_left, size); }
  void end_pass() {
    area.start_over();
    bytes_left = kReadBytesPerPass;
  }
  StreamCounters total() const {
    StreamCounters total = counters;
    total.bytes_copied = incoming.copied;
    total.dropped_full = outgoing.dropped_full;
    total.dropped_old = outgoing.dropped_old;
    total.dropped_without_block = outgoing.dropped_without_block;
    total.incoming_blocks = incoming_pool.taken();
    total.outgoing_blocks = outgoing_pool.taken();
    return total;
  }

  Loop& loop;
  Streams& streams;
  const Now& now;
  BlockPool incoming_pool{kIncomingBlocks};
  BlockPool outgoing_pool{kOutgoingBlocks};
  SharedIncoming incoming{incoming_pool};
  SharedOutgoing outgoing;
  TlsBuffers tls_buffers;
  ReadArea area;
  size_t bytes_left = kReadBytesPerPass;
  /// What was read of a TLS connection, until it is decrypted: before the next one is read.
  std::unique_ptr<uint8_t[]> ciphertext =
      std::make_unique_for_overwrite<uint8_t[]>(kCiphertextSize);
  static constexpr size_t kCiphertextSize = 2 * kReadSize;
  StreamCounters counters;
};

}  // namespace uturn
