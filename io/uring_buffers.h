// ProvidedBuffers: buffers provided to the kernel for multishot recvmsg, in one group of one size.
#pragma once

#include <liburing.h>

#include <optional>

#include "io/control_messages.h"
#include "protocol/bytes.h"

namespace uturn {

/// A buffer as multishot recvmsg fills it. The kernel keeps name and control areas at the sizes it
/// was told, whatever it wrote there, so the payload always begins at the same place; and once they
/// were read, everything before it is the packet's headroom.
///
///   0                  16             48                      192
///   ┌──────────────────┬──────────────┬───────────────────────┬──────────────────────────┐
///   │ io_uring_        │ name         │ control messages      │ payload                  │
///   │ recvmsg_out      │ 28 used      │ 136 used              │ 2,048 or 65,536          │
///   └──────────────────┴──────────────┴───────────────────────┴──────────────────────────┘
///   └── sizes, flags ──┘              ┌───────────────────────┐
///                                     │      header ──────────│ written by the relay
///                                     └───────────────────────┘
struct ReceiveLayout {
  static constexpr size_t kName = 32;
  static constexpr size_t kControl = 144;
  static constexpr size_t kPayload = sizeof(io_uring_recvmsg_out) + kName + kControl;
  static constexpr size_t kSmall = 2'048;
  static constexpr size_t kLarge = 65'536;
};
static_assert(ReceiveLayout::kName >= sizeof(SocketName));
static_assert(ReceiveLayout::kControl >= kReceiveControlSize);
static_assert(ReceiveLayout::kPayload >= kHeadroom && ReceiveLayout::kPayload % 64 == 0);

/// What the kernel wrote into one buffer.
struct FilledBuffer {
  Bytes name;
  Bytes control;
  MutableBytes room;
  MutableBytes payload;
  bool truncated = false;
  bool control_truncated = false;
};

/// Memory is mapped, not touched: a buffer costs nothing before its first datagram.
class ProvidedBuffers {
 public:
  /// `count` is rounded up to a power of two, as the kernel's ring wants it.
  ProvidedBuffers(uint16_t group, uint32_t count, size_t payload_size);
  ~ProvidedBuffers();  ///< after the ring it was registered with is gone
  ProvidedBuffers(const ProvidedBuffers&) = delete;
  ProvidedBuffers& operator=(const ProvidedBuffers&) = delete;

  /// Registers with a ring and provides all buffers. Returns 0 or a negative error number; -ENOMEM
  /// also where there was no memory for them.
  int register_with(io_uring& ring);

  FilledBuffer read(uint16_t buffer) const;
  void give_back(uint16_t buffer);
  void publish();  ///< shows the kernel what was given back

  uint16_t group() const { return group_; }
  uint32_t count() const { return count_; }
  size_t bytes_mapped() const { return count_ * stride_; }

 private:
  uint8_t* at(uint16_t buffer) const { return memory_ + buffer * stride_; }

  uint16_t group_;
  uint32_t count_;
  size_t payload_size_;
  size_t stride_;
  uint8_t* memory_;          ///< null: there was none
  io_uring_buf_ring* ring_;  ///< the same
  int given_back_ = 0;       ///< not yet published
};

}  // namespace uturn
