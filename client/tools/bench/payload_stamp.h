// PayloadStamp: what a generated payload begins with, so that its receiver knows it again.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "protocol/bytes.h"
#include "protocol/time.h"

namespace uturn {

/// In network byte order:
///
///    0                   1                   2                   3
///    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
///   |                       run: drawn anew by each                 |
///   |                             flow                              |
///   |                           sequence                            |
///   |      turned after: ns from `time` to the peer's echo, or 0    |
///   |          time: when the packet was to be sent, in ns          |
///   |                 of the monotonic clock (64 bits)              |
struct PayloadStamp {
  uint32_t run = 0;
  uint32_t flow = 0;
  uint32_t sequence = 0;
  uint32_t turned_after = 0;
  Instant time{};

  bool is_echo() const { return turned_after != 0; }
  /// When the peer sent it back; only of an echo.
  Instant turned_at() const { return time + Duration{turned_after}; }
};

inline constexpr size_t kStampSize = 24;

void write_stamp(std::span<uint8_t, kStampSize> out, const PayloadStamp& stamp);
/// Nothing where the payload is too short or belongs to another run.
std::optional<PayloadStamp> read_stamp(Bytes payload, uint32_t run);
/// Makes an echo of a stamped payload, in place. Times beyond 4.29 s after the first are kept as
/// the longest that fits.
void turn_stamp(MutableBytes payload, const PayloadStamp& stamp, Instant now);

/// Which of a flow's packets have arrived: the highest number and those close below it.
class SequenceWindow {
 public:
  enum class Verdict : uint8_t {
    in_order,   ///< higher than all before
    reordered,  ///< lower, and not seen before
    duplicate,
    too_old,  ///< so far below the highest that nobody remembers
  };
  static constexpr uint32_t kSize = 512;  ///< of it one cache line

  Verdict take(uint32_t sequence);

 private:
  uint64_t& word_of(uint32_t sequence) { return seen_[sequence / 64 % seen_.size()]; }
  void clear_up_to(uint32_t sequence);

  std::array<uint64_t, kSize / 64> seen_{};
  uint64_t next_ = 0;  ///< one more than the highest; 0: none yet
};

}  // namespace uturn
