// ShortcutRings: datagrams on their way from an allocation of one shard to one of another.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "protocol/bytes.h"
#include "protocol/transport_address.h"
#include "server/relay/limits.h"
#include "server/relay/outcome.h"

namespace uturn {

/// A datagram between shards: Relay::on_shortcut's arguments, with the headroom that every packet
/// has.
class ShortcutSlot {
 public:
  void fill(const Shortcut& shortcut);

  const PeerAddress& from() const { return head_.from; }
  const PeerAddress& to() const { return head_.to; }
  const IpFields& ip() const { return head_.ip; }
  Packet packet() { return {{bytes_.data(), kHeadroom}, {&bytes_[kHeadroom], head_.size}}; }

 private:
  struct Head {
    PeerAddress from;
    PeerAddress to;
    IpFields ip;
    uint16_t size = 0;
  };

 public:
  static constexpr size_t kMaxPayload = kShortcutSlotSize - sizeof(Head) - kHeadroom;

 private:
  Head head_;
  std::array<uint8_t, kHeadroom + kMaxPayload> bytes_;
};
static_assert(ShortcutSlot::kMaxPayload >= 1'500, "what an Ethernet carries must fit");

/// From one shard to one other, without a lock. A slot stays the consumer's until release(): what
/// is sent from it must be valid until the pass ends.
class ShortcutRing {
 public:
  bool push(const Shortcut& shortcut);  ///< false where full

  ShortcutSlot* next();  ///< null where there is none
  void release();        ///< all that next() returned

 private:
  static_assert((kShortcutSlots & (kShortcutSlots - 1)) == 0);
  static constexpr size_t kCacheLine = 64;
  ShortcutSlot& slot(uint32_t number) { return slots_[number & (kShortcutSlots - 1)]; }

  // The consumer's line and the producer's.
  alignas(kCacheLine) std::atomic<uint32_t> released_{0};
  uint32_t read_ = 0;
  alignas(kCacheLine) std::atomic<uint32_t> pushed_{0};
  uint32_t released_seen_ = 0;
  alignas(kCacheLine) std::unique_ptr<ShortcutSlot[]> slots_ =
      std::make_unique_for_overwrite<ShortcutSlot[]>(kShortcutSlots);
};

/// The rings of the process, each made when a client of one shard first asks for a peer on another,
/// so that a server whose clients never meet has none. At most kShortcutRings, 64 MiB; who comes
/// later goes through the kernel. They end with the process's shards.
class ShortcutRings {
 public:
  explicit ShortcutRings(uint8_t shards) : shards_(shards), rings_(size_t{shards} * shards) {}

  /// Asked by requests, on the thread of shard `from`.
  void make(uint8_t from, uint8_t to);
  /// Null where none was made: per datagram, one load.
  ShortcutRing* between(uint8_t from, uint8_t to) const {
    return rings_[size_t{from} * shards_ + to].load(std::memory_order_acquire);
  }

 private:
  uint8_t shards_;
  std::vector<std::atomic<ShortcutRing*>> rings_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<ShortcutRing>> made_;
};

/// What became of a shard's datagrams for others. Plain integers of one thread.
struct ShortcutCounters {
  uint64_t sent = 0;
  uint64_t received = 0;
  // … and what went through the kernel instead
  uint64_t without_ring = 0;
  uint64_t full = 0;
  uint64_t too_long = 0;
};

}  // namespace uturn
