// DatagramReader: recvmmsg into buffers that stay as they are until a pass ends, and trains cut
// into their datagrams.
#pragma once

#include <sys/socket.h>

#include <array>
#include <memory>
#include <vector>

#include "io/control_messages.h"
#include "io/loop.h"
#include "io/socket_table.h"

namespace uturn {

/// Buffers for one size of datagram, each with the room in front of it; handed out in order, all
/// free again when a pass begins.
///
///   kHeadroom   size
///   ┌──────────┬──────────────────────────────┐
///   │ room     │ datagram, or a whole train   │
///   └──────────┴──────────────────────────────┘
class ReceiveBuffers {
 public:
  ReceiveBuffers(uint32_t count, uint32_t size)
      : count_(count),
        size_(size),
        area_(std::make_unique_for_overwrite<uint8_t[]>(size_t{count} * stride())) {}

  uint32_t left() const { return count_ - used_; }
  uint32_t size() const { return size_; }
  size_t headroom() const { return stride() - size_; }
  /// The `ahead`th of those not used yet: the bytes behind its room.
  uint8_t* next(uint32_t ahead) const {
    CHECK(ahead < left());
    return area_.get() + (size_t{used_} + ahead) * stride() + kHeadroom;
  }
  void use(uint32_t count) { used_ += count; }
  void free_all() { used_ = 0; }

 private:
  size_t stride() const { return kHeadroom + size_; }

  uint32_t count_;
  uint32_t size_;
  uint32_t used_ = 0;
  std::unique_ptr<uint8_t[]> area_;
};

/// Everything is reserved at construction; reading and delivering allocate nothing.
///
/// What a train holds beyond a batch is delivered by the next passes, before anything else is read.
class DatagramReader {
 public:
  DatagramReader(const LoopSettings& settings, LoopCounters& counters);

  /// Frees the buffers, unless something in them was not delivered yet.
  void start_pass();

  /// Reads about `limit` datagrams, trains counted by their datagrams, or what is there. Returns
  /// how many.
  uint32_t read(SocketId id, OpenSocket& socket, uint32_t limit);

  bool has_undelivered() const { return next_ < arrivals_.size(); }

  /// At most a batch of what was read, in order; valid until the next start_pass().
  std::span<ReceivedDatagram> deliver();

  /// Nothing of this socket is delivered; in a batch that was, its entries lose their socket's id.
  void forget(SocketId id);

 private:
  /// One receive: a datagram, or a train.
  struct Arrival {
    ReceivedDatagram first;
    uint32_t segment_size = 0;  ///< of every datagram but the last
    uint32_t delivered = 0;     ///< bytes
    bool is_done = false;
  };
  struct Message {
    SocketName name;
    alignas(cmsghdr) std::array<uint8_t, kReceiveControlSize> control;
    iovec piece;
  };

  int receive(int fd, ReceiveBuffers& buffers, uint32_t count);
  uint32_t accept(SocketId id, OpenSocket& socket, const mmsghdr& message, uint8_t* bytes);
  void deliver_next_of(Arrival& arrival);

  uint32_t batch_size_;
  bool gro_;
  LoopCounters& counters_;
  ReceiveBuffers small_;
  ReceiveBuffers large_;
  std::vector<Message> messages_;
  std::vector<mmsghdr> headers_;
  std::vector<Arrival> arrivals_;
  size_t next_ = 0;  ///< of the arrivals, the first that is not delivered whole
  std::vector<ReceivedDatagram> batch_;
  std::vector<std::array<uint8_t, kHeadroom>> rooms_;  ///< for datagrams inside a train
};

}  // namespace uturn
