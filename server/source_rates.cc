// Token buckets for sources.
#include "server/source_rates.h"

#include <algorithm>

#include "auth/quota.h"

namespace uturn {

bool SourceRates::allows(const IpAddress& source, uint32_t per_second, uint32_t burst,
                         Instant now) {
  const IpAddress network = quota_network(source);
  auto found = buckets_.find(network);
  if (found == buckets_.end()) {
    if (buckets_.size() >= kSources) make_room(now);
    found = buckets_.emplace(network, Bucket{static_cast<double>(burst), now}).first;
  }
  Bucket& bucket = found->second;
  const double seconds = std::chrono::duration<double>(now - bucket.filled_at).count();
  bucket.tokens = std::min<double>(burst, bucket.tokens + std::max(0.0, seconds) * per_second);
  bucket.filled_at = now;
  if (bucket.tokens < 1) return false;
  bucket.tokens -= 1;
  return true;
}

void SourceRates::charge(const IpAddress& source, uint32_t tokens) {
  const auto found = buckets_.find(quota_network(source));
  if (found != buckets_.end()) found->second.tokens -= tokens;
}

// The longest silent of the next eight, around the table.
void SourceRates::make_room(Instant /*now*/) {
  constexpr int kLooked = 8;
  auto at = buckets_.lower_bound(hand_);
  auto oldest = buckets_.end();
  for (int i = 0; i < kLooked; ++i, ++at) {
    if (at == buckets_.end()) at = buckets_.begin();
    if (oldest == buckets_.end() || at->second.filled_at < oldest->second.filled_at) oldest = at;
  }
  hand_ = at == buckets_.end() ? IpAddress{} : at->first;
  buckets_.erase(oldest);
}

}  // namespace uturn
