// Pacing: when which allocation has its turn to send. Told the time, like everything that is pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "client/tools/bench/options.h"
#include "protocol/time.h"

namespace uturn {

/// A turn of one allocation: so many packets on each of its flows, back to back.
struct Turn {
  uint32_t allocation = 0;
  uint32_t packets = 0;
  uint32_t payload = 0;
  Instant at{};  ///< when it was to be, whenever it is
};

/// Turns at a constant rate, the allocations one after the other. A turn's time follows from its
/// number alone: lateness never shifts the turns behind it, so that no delay is left out of the
/// latencies (coordinated omission).
class TurnSchedule {
 public:
  TurnSchedule(double turns_per_second, uint32_t packets, uint32_t payload, uint32_t allocations,
               Instant start);

  Instant next_at() const { return at(next_); }
  Turn take();
  /// Turns that were due before `end` and are not taken.
  uint64_t due_before(Instant end) const;
  uint32_t packets() const { return packets_; }

 private:
  Instant at(uint64_t turn) const;

  double nanoseconds_per_turn_;
  uint32_t packets_;
  uint32_t payload_;
  uint32_t allocations_;
  Instant start_;
  uint64_t next_ = 0;
};

/// Open loop: every schedule that the options ask for, the earliest turn first.
class OpenLoopPacer {
 public:
  /// `allocations` of `options.allocations` are this pacer's share, and so of the rate.
  OpenLoopPacer(const BenchOptions& options, uint32_t allocations, Instant start);

  std::optional<Turn> take_due(Instant now);
  Instant next_at() const;
  uint64_t packets_due_before(Instant end) const;  ///< per flow; not taken

 private:
  std::vector<TurnSchedule> schedules_;
};

/// Closed loop: how many packets are on their way, and room for how many more. A packet that does
/// not come back in time is given up, or a loss would narrow the window for good.
class OutstandingWindow {
 public:
  static constexpr Duration kPatience = 200ms;

  explicit OutstandingWindow(uint32_t size) : size_(size) {}

  bool is_empty() const { return outstanding_ == 0; }
  uint32_t room() const { return outstanding_ < size_ ? size_ - outstanding_ : 0; }
  void sent(Instant at, uint32_t packets);
  void received(Instant sent_at);
  void expire(Instant now);

 private:
  static constexpr Duration kSlice = 10ms;
  static constexpr size_t kSlices = kPatience / kSlice + 1;
  static int64_t slice_of(Instant at) { return at.time_since_epoch() / kSlice; }

  struct Slice {
    int64_t number = INT64_MIN;
    uint32_t outstanding = 0;
  };
  Slice& find(int64_t number) { return slices_[static_cast<uint64_t>(number) % kSlices]; }

  uint32_t size_;
  uint32_t outstanding_ = 0;
  std::array<Slice, kSlices> slices_{};
};

}  // namespace uturn
