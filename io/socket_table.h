// SlotTable: the sockets of one loop by slot and generation, so that an id never names a later
// socket.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "io/loop.h"

namespace uturn {

/// Do datagrams come to a socket in bursts of equal length, as a video frame's do? Then its sender
/// may send trains, and GRO pays for its larger buffers.
class BurstWatch {
 public:
  static constexpr uint32_t kBurst = 4;           ///< datagrams within one pass
  static constexpr uint32_t kWorthJoining = 512;  ///< bytes of each

  /// A datagram of `size` was read in this pass. True: this one made it a burst.
  bool note(uint32_t size, uint32_t pass) {
    const bool goes_on = size == size_ && pass == pass_;
    size_ = size;
    pass_ = pass;
    count_ = goes_on ? count_ + 1 : 1;
    return count_ == kBurst && size >= kWorthJoining;
  }

 private:
  uint32_t pass_ = 0;
  uint32_t size_ = 0;
  uint32_t count_ = 0;
};

/// What a loop knows of an open socket.
struct OpenSocket {
  int fd = -1;
  SocketKind kind = SocketKind::relay;
  bool large_buffers = false;  ///< GRO, or a datagram was truncated once
  bool is_connected = false;   ///< a twin: sends by it name nobody
  bool receives = true;        ///< is, or will be, asked for what arrives
  uint32_t kernel_drops = 0;   ///< as the kernel last said
  uint64_t tag = 0;
  TransportAddress address = {};  ///< as bound
  SocketId owner = {};            ///< of a twin: the relay socket it receives for
  BurstWatch bursts = {};

  /// SO_RXQ_OVFL said that `total` were dropped when a datagram was queued, modulo 2^32: how many
  /// more that are. None, if the kernel was asked for the number after that datagram had come.
  uint32_t more_drops(uint32_t total) {
    const uint32_t more = total - kernel_drops;
    if (more > INT32_MAX) return 0;
    kernel_drops = total;
    return more;
  }
  /// Bound to every address: only pktinfo says where a datagram came to.
  bool is_wildcard() const { return address.ip.is_unspecified(); }
};

/// Of a fixed size; add, find and remove cost the same whatever is in it. `Socket` has an `fd`,
/// which is not negative while it is open.
template <class Socket>
class SlotTable {
 public:
  explicit SlotTable(uint32_t capacity) : slots_(capacity) {
    free_.reserve(capacity);
    for (uint32_t slot = capacity; slot > 0; --slot) free_.push_back(slot - 1);
  }

  /// Nothing if the table is full.
  std::optional<SocketId> add(const Socket& socket) {
    CHECK(socket.fd >= 0);
    if (free_.empty()) return std::nullopt;
    const uint32_t slot = free_.back();
    free_.pop_back();
    slots_[slot].socket = socket;
    return SocketId{slot, slots_[slot].generation};
  }

  Socket* find(SocketId id) {
    if (id.slot >= slots_.size()) return nullptr;
    Slot& slot = slots_[id.slot];
    if (slot.generation != id.generation || slot.socket.fd < 0) return nullptr;
    return &slot.socket;
  }
  const Socket* find(SocketId id) const { return const_cast<SlotTable*>(this)->find(id); }

  /// Which open socket has this slot, if any.
  std::optional<SocketId> at(uint32_t slot) const {
    if (slots_[slot].socket.fd < 0) return std::nullopt;
    return SocketId{slot, slots_[slot].generation};
  }

  /// Forgets the socket; the descriptor is the caller's again.
  void remove(SocketId id) {
    CHECK(find(id));
    Slot& slot = slots_[id.slot];
    slot.socket = Socket{};
    ++slot.generation;
    free_.push_back(id.slot);
  }

  uint32_t size() const { return static_cast<uint32_t>(slots_.size() - free_.size()); }
  uint32_t capacity() const { return static_cast<uint32_t>(slots_.size()); }

  /// Calls `use(SocketId, Socket&)` for every open socket: when the loop ends.
  template <class Use>
  void for_each(Use use) {
    for (uint32_t slot = 0; slot < slots_.size(); ++slot) {
      if (slots_[slot].socket.fd < 0) continue;
      use(SocketId{slot, slots_[slot].generation}, slots_[slot].socket);
    }
  }

 private:
  struct Slot {
    Socket socket;
    uint32_t generation = 0;
  };
  std::vector<Slot> slots_;
  std::vector<uint32_t> free_;
};

using SocketTable = SlotTable<OpenSocket>;

}  // namespace uturn
