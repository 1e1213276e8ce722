// Ring: one io_uring of one thread, its user data, and the few ways to enter the kernel.
#pragma once

#include <liburing.h>

#include <memory>
#include <string>

#include "protocol/result.h"
#include "protocol/time.h"
#include "protocol/transport_address.h"

namespace uturn {

/// What a completion answers.
enum class RingRequest : uint8_t {
  receive_small,
  receive_large,
  send,
  wake,
  cancel,
  cancel_wake,
  poll,
  cancel_poll,
};

/// A request's user data: kind, and the socket by slot and generation, so that a late completion of
/// a closed socket is known as such; polls are of streams, which have a table of their own. A send
/// says its run in place of the slot.
///
///   63      56 55            32 31                    0
///   ┌─────────┬────────────────┬───────────────────────┐
///   │ request │ slot or run    │ generation            │
///   └─────────┴────────────────┴───────────────────────┘
struct UserData {
  RingRequest request{};
  SocketId socket;

  uint64_t encode() const {
    return uint64_t{static_cast<uint8_t>(request)} << 56 | uint64_t{socket.slot} << 32 |
           socket.generation;
  }
  static UserData decode(uint64_t word) {
    return {static_cast<RingRequest>(word >> 56),
            {static_cast<uint32_t>(word >> 32) & 0xffffff, static_cast<uint32_t>(word)}};
  }
};
inline constexpr uint32_t kMaxRingSlots = 1 << 24;

/// Made disabled by any thread, enabled by the only one that may then use it: single issuer, and
/// task work runs only inside enter(). So nothing is completed behind the thread's back: between
/// two calls of submit(), poll() or wait() the completion queue does not move.
class Ring {
 public:
  /// The error names the call that failed. A completion queue longer than the kernel's longest, or
  /// than RLIMIT_MEMLOCK leaves room for, is made shorter.
  static Result<std::unique_ptr<Ring>, std::string> create(uint32_t submissions,
                                                           uint32_t completions);
  ~Ring();
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  void enable();

  /// The next free entry; submits first if all are taken.
  io_uring_sqe& next_entry();
  void submit();
  void poll();  ///< submits and lets completions arrive, without waiting
  /// The same, and waits for so many; Duration::max(): for ever.
  void wait(Duration timeout, uint32_t completions = 1);
  /// Waits for `enough`; when `gathering` is over, for what there is; and then for the first.
  void wait_for_batch(uint32_t enough, Duration gathering, Duration timeout);

  /// Takes every completion that is there; returns how many.
  template <class Use>
  uint32_t for_each_completion(Use use) {
    unsigned head = 0;
    unsigned taken = 0;
    io_uring_cqe* completion = nullptr;
    io_uring_for_each_cqe(&ring_, head, completion) {
      use(*completion);
      ++taken;
    }
    io_uring_cq_advance(&ring_, taken);
    return taken;
  }

  /// Since the last call. The kernel keeps completions that find the queue full, and ends the
  /// multishot requests they belong to; what it has no memory to keep is lost.
  struct Overflows {
    uint64_t kept = 0;  ///< how often some were seen waiting
    uint64_t lost = 0;  ///< completions
  };
  Overflows take_overflows();
  bool has_overflow() const { return io_uring_cq_has_overflow(&ring_); }

  io_uring& raw() { return ring_; }
  uint32_t completion_entries() const { return ring_.cq.ring_entries; }

 private:
  Ring() = default;
  void enter(int result);
  static bool passes_by_itself(int result);

  io_uring ring_{};
  uint32_t dropped_seen_ = 0;
  uint64_t kept_ = 0;
};

}  // namespace uturn
