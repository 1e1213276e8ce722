// The rate of a short window, and what follows from it.
#include "io/batch_wait.h"

#include <algorithm>

namespace uturn {
namespace {

constexpr uint64_t kSecond = Duration{1s}.count();

}  // namespace

// A window ends with the first pass that is late enough. A pause is one of its own, so that what
// came before it says nothing about what comes after.
void BatchWait::on_pass(Instant collected_at, uint64_t datagrams_in) {
  if (longest_ <= Duration::zero()) return;
  if (collected_at - collected_at_ >= kWindow) begin_window(collected_at_, collected_);
  collected_at_ = collected_at;
  collected_ = datagrams_in;

  const Duration elapsed = collected_at - window_began_;
  if (elapsed < kWindow) return;
  rate_ = (datagrams_in - before_window_) * kSecond / static_cast<uint64_t>(elapsed.count());
  const Duration busy = cpu_time_() - cpu_before_window_;
  is_busy_ = busy * 100 >= elapsed * kMostBusyPercent;
  begin_window(collected_at, datagrams_in);
  cpu_before_window_ += busy;
}

void BatchWait::begin_window(Instant at, uint64_t datagrams_in) {
  window_began_ = at;
  before_window_ = datagrams_in;
}

// No longer than a batch needs to fill: what is beyond it would wait for another pass. And not for
// one alone: that delays it and saves nothing.
Duration BatchWait::gathering(Instant now) const {
  if (longest_ <= Duration::zero() || rate_ < kLeastRate || is_busy_) return Duration::zero();
  const auto to_fill = Duration{static_cast<Duration::rep>(batch_ * kSecond / rate_)};
  const Duration span = std::min(longest_, to_fill);
  const uint64_t expected = rate_ * static_cast<uint64_t>(span.count()) / kSecond;
  if (expected < kFewest) return Duration::zero();
  return std::max(collected_at_ + span - now, Duration::zero());
}

}  // namespace uturn
