// Token buckets in a set-associative table.
#include "server/relay/answer_budget.h"

#include <algorithm>
#include <bit>

namespace uturn {
namespace {

// Wraps after 49 days: a difference taken modulo 2^32 is right for anything younger.
uint32_t millis_of(Now now) {
  using std::chrono::milliseconds;
  const auto since = now.monotonic.time_since_epoch();
  return static_cast<uint32_t>(std::chrono::duration_cast<milliseconds>(since).count());
}

// Who has one address of an IPv6 /64 has all of them.
IpAddress prefix_of(const IpAddress& source) {
  if (source.is_v4()) return source;
  std::array<uint8_t, 16> bytes{};
  std::ranges::copy(source.bytes().first(8), bytes.begin());
  return IpAddress::v6(bytes);
}

}  // namespace

AnswerBudget::AnswerBudget(uint32_t sources, uint32_t per_second, uint32_t burst, Random& random)
    : seed_(random.next_u64()),
      per_milli_(static_cast<float>(per_second) / 1000.0F),
      burst_(static_cast<float>(burst)),
      random_(&random),
      buckets_(std::bit_ceil(std::max<size_t>(sources, kWays))) {}

bool AnswerBudget::has(AnswerKind kind, const IpAddress& source, Now now) {
  Bucket& bucket = bucket_of(source, now);
  refill(bucket, kind, now);
  return bucket.tokens[static_cast<size_t>(kind)] >= 1.0F;
}

void AnswerBudget::spend(AnswerKind kind, const IpAddress& source, Now now) {
  Bucket& bucket = bucket_of(source, now);
  refill(bucket, kind, now);
  float& tokens = bucket.tokens[static_cast<size_t>(kind)];
  tokens = std::max(0.0F, tokens - 1.0F);
}

AnswerBudget::Bucket& AnswerBudget::bucket_of(const IpAddress& source, Now now) {
  const uint64_t hash = hash_of(prefix_of(source), seed_) | 1;
  const size_t set = (hash >> 32) * kWays & (buckets_.size() - 1);
  Bucket* const ways = &buckets_[set];
  for (size_t way = 0; way < kWays; ++way) {
    if (ways[way].source == hash) return ways[way];
  }
  Bucket* place = std::find_if(ways, ways + kWays, [](const Bucket& b) { return b.source == 0; });
  const bool is_free = place != ways + kWays;
  if (!is_free) place = &ways[random_->below(kWays)];
  // In a full table nobody knows what a newcomer had before: a full bucket would let a flood of
  // forged sources wash a victim's limit away. A tenth of a second is enough to get started.
  const float tokens = is_free ? burst_ : std::clamp(per_milli_ * 100.0F, 1.0F, burst_);
  const uint32_t millis = millis_of(now);
  *place = {hash, {millis, millis}, {tokens, tokens}};
  return *place;
}

void AnswerBudget::refill(Bucket& bucket, AnswerKind kind, Now now) const {
  const auto k = static_cast<size_t>(kind);
  const uint32_t elapsed = millis_of(now) - bucket.millis[k];
  bucket.millis[k] += elapsed;
  bucket.tokens[k] = std::min(burst_, bucket.tokens[k] + static_cast<float>(elapsed) * per_milli_);
}

}  // namespace uturn
