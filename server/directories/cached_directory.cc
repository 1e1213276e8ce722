// From a question to an answer: memory, a question under way, the source, or in time 500.
#include "server/directories/cached_directory.h"

#include <pthread.h>

#include <algorithm>

#include "io/clock.h"

namespace uturn {
namespace {

constexpr size_t kMaxName = 508;  // RFC 8489, Section 14.3: fewer than 509 bytes
constexpr Duration kReplyPatience = std::chrono::seconds(1);
constexpr Duration kReplyPause = std::chrono::microseconds(200);

/// UTF-8 without a zero byte: what is none is nobody's name (RFC 8489, Section 14.3), and some
/// databases call it an error.
bool is_text(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto first = static_cast<unsigned char>(text[i]);
    const size_t size = first < 0x80 ? 1 : first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first == 0 || (first >= 0x80 && first < 0xC2) || first > 0xF4) return false;
    if (i + size > text.size()) return false;
    uint32_t point = size == 1 ? first : first & (0xFFU >> (size + 1));
    for (size_t k = 1; k < size; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      if ((next & 0xC0) != 0x80) return false;
      point = point << 6 | (next & 0x3F);
    }
    const bool is_overlong = (size == 3 && point < 0x800) || (size == 4 && point < 0x10000);
    const bool is_surrogate = point >= 0xD800 && point <= 0xDFFF;
    if (is_overlong || is_surrogate || point > 0x10FFFF) return false;
    i += size;
  }
  return true;
}

}  // namespace

CachedDirectory::CachedDirectory(const DirectorySettings& settings, UserSource& source, Reply reply)
    : settings_(settings), source_(source), reply_(std::move(reply)), cache_(settings.cache_size) {}

CachedDirectory::~CachedDirectory() { stop(); }

void CachedDirectory::start() {
  source_.start([this](const DirectoryQuestion& question, SourceAnswer answer) {
    on_answer(question, std::move(answer));
  });
  thread_ = std::thread([this] { run(); });
  pthread_setname_np(thread_.native_handle(), "directory");
}

void CachedDirectory::stop() {
  is_stopped_ = true;
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  source_.stop();
  if (thread_.joinable()) thread_.join();
}

UserLookup CachedDirectory::look_up(uint8_t shard, const UserQuestion& question,
                                    DirectoryTicket ticket, Now now) {
  const std::string_view name = question.username;
  if (name.empty() || name.size() > kMaxName || !is_text(name)) return UserUnknown{};
  UserKey key{question.realm, name};
  DirectoryQuestion asked;
  {
    const std::scoped_lock lock(mutex_);
    if (const auto* known = cache_.find(key)) {
      const bool is_fresh = now.monotonic < known->fresh_until;
      if (is_fresh && known->user) return ++counters_.hits, *known->user;
      if (is_fresh) return ++counters_.negative_hits, UserUnknown{};
      if (known->user && now.monotonic < known->kept_until && source_.is_gone()) {
        return ++counters_.stale_hits, *known->user;
      }
    }
    if (const auto under_way = flights_.find(key); under_way != flights_.end()) {
      if (under_way->second.waiters.size() >= kMaxWaiters)
        return ++counters_.refused, UserTryLater{};
      under_way->second.waiters.push_back({shard, ticket});
      return ++counters_.joined, UserPending{};
    }
    if (stopping_ || flights_.size() >= settings_.queue) return ++counters_.refused, UserTryLater{};
    const Instant deadline = now.monotonic + settings_.answer_within;
    asked = {key.first, key.second, question.client, deadline};
    const bool is_first = flights_.empty();
    flights_.emplace(std::move(key), Flight{now.monotonic, deadline, {{shard, ticket}}});
    ++counters_.misses;
    if (is_first) changed_.notify_one();
  }
  source_.ask(std::move(asked));
  return UserPending{};
}

void CachedDirectory::on_answer(const DirectoryQuestion& question, SourceAnswer answer) {
  const Instant now = Clock().monotonic();
  const UserKey key{question.realm, question.username};
  std::vector<Waiter> waiters;
  UserAnswer said = failure();
  auto outcome = DirectoryOutcome::failed;
  {
    const std::scoped_lock lock(mutex_);
    if (auto* found = std::get_if<SourceFound>(&answer)) {
      ++counters_.found;
      outcome = DirectoryOutcome::found;
      said = found->user;
      const Duration ttl = found->ttl.value_or(settings_.cache_ttl);
      if (ttl > Duration{}) {
        cache_.put(key,
                   {std::move(found->user), now + ttl, now + std::max(ttl, settings_.stale_ttl)});
      } else {
        cache_.remove(key);
      }
    } else if (std::holds_alternative<UserUnknown>(answer)) {
      ++counters_.unknown;
      outcome = DirectoryOutcome::unknown;
      said = UserUnknown{};
      cache_.put(key, {std::nullopt, now + settings_.negative_ttl, now + settings_.negative_ttl});
    } else {
      ++counters_.failed;
      const auto* known = cache_.find(key);
      if (known && known->user && now < known->kept_until) {
        ++counters_.stale_hits;
        said = *known->user;
      }
    }
    const auto flight = flights_.find(key);
    if (flight != flights_.end()) {
      count_latency(outcome, now - flight->second.asked_at);
      waiters = std::move(flight->second.waiters);
      flights_.erase(flight);
    }
    if (std::holds_alternative<UserUnavailable>(said)) counters_.unavailable += waiters.size();
  }
  tell(waiters, said);
}

/// What is told to whom the source has no answer.
UserAnswer CachedDirectory::failure() const {
  if (settings_.unknown_while_gone) return UserUnknown{};
  return UserUnavailable{};
}

Instant CachedDirectory::expire(Instant now) {
  std::vector<std::pair<std::vector<Waiter>, UserAnswer>> ended;
  Instant next = kNever;
  {
    const std::scoped_lock lock(mutex_);
    for (auto flight = flights_.begin(); flight != flights_.end();) {
      if (flight->second.deadline > now) {
        next = std::min(next, flight->second.deadline);
        ++flight;
        continue;
      }
      UserAnswer said = failure();
      const auto* known = cache_.find(flight->first);
      if (known && known->user && now < known->kept_until) {
        ++counters_.stale_hits;
        said = *known->user;
      } else if (!settings_.unknown_while_gone) {
        counters_.unavailable += flight->second.waiters.size();
      }
      count_latency(DirectoryOutcome::timed_out, now - flight->second.asked_at);
      ended.emplace_back(std::move(flight->second.waiters), std::move(said));
      flight = flights_.erase(flight);
    }
  }
  for (const auto& [waiters, said] : ended) tell(waiters, said);
  return next;
}

// A shard's ring is short, and it empties as soon as the shard's pass comes to it.
void CachedDirectory::tell(const std::vector<Waiter>& waiters, const UserAnswer& answer) {
  const Clock clock;
  const Instant end = clock.monotonic() + kReplyPatience;
  for (const auto& [shard, ticket] : waiters) {
    bool is_told = reply_(shard, ticket, answer);
    while (!is_told && !is_stopped_ && clock.monotonic() < end) {
      std::this_thread::sleep_for(kReplyPause);
      is_told = reply_(shard, ticket, answer);
    }
    if (!is_told) ++lost_replies_;
  }
}

void CachedDirectory::count_latency(DirectoryOutcome outcome, Duration taken) {
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(taken).count();
  const auto* bound = std::ranges::lower_bound(DirectoryCounters::kLatencyBounds, micros);
  DirectoryCounters::Latency& latency = counters_.latency.at(static_cast<size_t>(outcome));
  ++latency.counts[static_cast<size_t>(bound - DirectoryCounters::kLatencyBounds.begin())];
  latency.sum_us += static_cast<uint64_t>(std::max<int64_t>(micros, 0));
}

DirectoryCounters CachedDirectory::counters() const {
  const std::scoped_lock lock(mutex_);
  DirectoryCounters counters = counters_;
  counters.waiting = flights_.size();
  counters.cached = cache_.size();
  counters.lost_replies = lost_replies_;
  return counters;
}

// All deadlines are equally far away, so the first of an empty table is the next that passes.
void CachedDirectory::run() {
  const Clock clock;
  for (;;) {
    const Instant next = expire(clock.monotonic());
    std::unique_lock lock(mutex_);
    if (stopping_) return;
    if (next == kNever) {
      changed_.wait(lock, [this] { return stopping_ || !flights_.empty(); });
    } else {
      changed_.wait_for(lock, next - clock.monotonic(), [this] { return stopping_; });
    }
  }
}

}  // namespace uturn
