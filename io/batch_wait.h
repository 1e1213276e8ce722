// BatchWait: decides whether the next wait of a loop lets datagrams gather, and how long.
#pragma once

#include <cstdint>

#include "protocol/time.h"

namespace uturn {

/// Waking up costs more than relaying a datagram, so under load a loop sleeps on until several
/// have come. It is told the time, and what each pass brought.
///
///        pass ends               until here arrivals gather, unless a batch is there before
///   ─┬────┬───────────────────────────┬──────────────────────────▶ time
///    └ collected_at_                  └ collected_at_ + the longest
///
/// The time a pass takes is part of it: whatever arrives was not yet there when the last batch was
/// collected, so nobody waits longer than the longest, and a loop whose passes take as long as that
/// is not to wait at all. Below kLeastRate, or where fewer than kFewest would come in the time,
/// nothing gathers: whoever speaks into silence is heard at once.
class BatchWait {
 public:
  static constexpr uint64_t kLeastRate = 5'000;  ///< datagrams per second
  static constexpr uint32_t kFewest = 2;         ///< to be expected, or gathering is not worth it
  static constexpr Duration kWindow = 2ms;       ///< the rate is that of the last one

  /// `longest` 0: never. `batch` is what one pass handles at the most.
  BatchWait(Duration longest, uint32_t batch) : longest_(longest), batch_(batch) {}

  /// Once a pass: when its wait ended, and the datagrams of all passes so far.
  void on_pass(Instant collected_at, uint64_t datagrams_in);

  /// How long a wait that begins now lets datagrams gather, unless a batch is there before; 0: not
  /// at all. What has come by then is handled; if nothing has, the wait goes on for the first.
  Duration gathering(Instant now) const;

  uint64_t rate() const { return rate_; }  ///< datagrams per second

 private:
  Duration longest_;
  uint32_t batch_;
  uint64_t rate_ = 0;
  Instant window_began_{};
  uint64_t before_window_ = 0;  ///< datagrams by then
  Instant collected_at_{};
  uint64_t collected_ = 0;  ///< datagrams by then
};

}  // namespace uturn
