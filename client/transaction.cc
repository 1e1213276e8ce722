// Transaction: the retransmission schedule.
#include "client/transaction.h"

namespace uturn {

Transaction::Transaction(const TransactionId& id, Method method, std::vector<uint8_t> request,
                         const RetransmissionSettings& settings, Duration rto, bool reliable,
                         Now now)
    : id_(id),
      method_(method),
      request_(std::move(request)),
      interval_(rto),
      final_wait_(reliable ? settings.reliable_timeout : rto * settings.last_wait),
      request_count_(reliable ? 1 : std::max(settings.request_count, 1u)),
      started_at_(now.monotonic),
      deadline_(now.monotonic) {}

std::optional<Bytes> Transaction::poll(Now now) {
  if (sent_ == request_count_ || !is_past(deadline_, now)) return std::nullopt;
  ++sent_;
  const Duration wait = sent_ == request_count_ ? final_wait_ : interval_;
  // Counted from the deadline and not from now, so that a late pass does not stretch the schedule;
  // unless it is so late that the next request would follow at once.
  deadline_ += wait;
  if (is_past(deadline_, now)) deadline_ = now.monotonic + wait;
  interval_ *= 2;
  return Bytes{request_};
}

bool Transaction::has_failed(Now now) const {
  return sent_ == request_count_ && is_past(deadline_, now);
}

std::optional<Duration> Transaction::round_trip(Now now) const {
  if (sent_ != 1) return std::nullopt;
  return now.monotonic - started_at_;
}

}  // namespace uturn
