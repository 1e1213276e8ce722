// BatchWait: decides whether the next wait of a loop lets datagrams gather, and how long.
#pragma once

#include <cstdint>
#include <functional>

#include "io/clock.h"
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
/// nothing gathers: whoever speaks into silence is heard at once. Nor does it while the thread is
/// busy for half of the time and more: several arrive in the time of a pass anyway, and the wait
/// would cost latency and save little. Gathering makes it less busy, so that the two states hold
/// each themselves.
class BatchWait {
 public:
  static constexpr uint64_t kLeastRate = 5'000;  ///< datagrams per second
  static constexpr uint32_t kFewest = 2;         ///< to be expected, or gathering is not worth it
  static constexpr int kMostBusyPercent = 50;    ///< of a window; beyond it nothing gathers
  static constexpr Duration kWindow = 2ms;       ///< rate and load are those of the last one

  /// `longest` 0: never. `batch` is what one pass handles at the most. `cpu_time` is asked once a
  /// window.
  BatchWait(Duration longest, uint32_t batch, std::function<Duration()> cpu_time = thread_cpu_time)
      : longest_(longest), batch_(batch), cpu_time_(std::move(cpu_time)) {}

  /// Once a pass: when its wait ended, and the datagrams of all passes so far.
  void on_pass(Instant collected_at, uint64_t datagrams_in);

  /// How long a wait that begins now lets datagrams gather, unless a batch is there before; 0: not
  /// at all. What has come by then is handled; if nothing has, the wait goes on for the first.
  Duration gathering(Instant now) const;

  uint64_t rate() const { return rate_; }  ///< datagrams per second
  bool is_busy() const { return is_busy_; }

 private:
  void begin_window(Instant at, uint64_t datagrams_in);

  Duration longest_;
  uint32_t batch_;
  std::function<Duration()> cpu_time_;
  uint64_t rate_ = 0;
  bool is_busy_ = false;
  Duration cpu_before_window_{};
  Instant window_began_{};
  uint64_t before_window_ = 0;  ///< datagrams by then
  Instant collected_at_{};
  uint64_t collected_ = 0;  ///< datagrams by then
};

}  // namespace uturn
