// CachedDirectory: what stands between the shards and a source of users that may be slow or gone.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "auth/user_directory.h"
#include "server/directories/answer_cache.h"
#include "server/directories/directory_settings.h"

namespace uturn {

struct DirectoryQuestion {
  std::string realm;
  std::string username;
  IpAddress client;    ///< of those who ask, the first
  Instant deadline{};  ///< nobody waits any more
};
struct SourceFound {
  User user;
  std::optional<Duration> ttl{};  ///< where the source says so
};
struct SourceFailed {};
using SourceAnswer = std::variant<SourceFound, UserUnknown, SourceFailed>;

/// Whom users are really asked of. ask() returns at once; the answer comes by on_answer, once, from
/// any thread, even where nobody waits any more.
class UserSource {
 public:
  virtual ~UserSource() = default;
  using OnAnswer = std::function<void(const DirectoryQuestion&, SourceAnswer)>;
  virtual void start(OnAnswer on_answer) = 0;
  virtual void ask(DirectoryQuestion question) = 0;
  virtual bool is_gone() const = 0;  ///< known to be: there is no use in waiting for it
  virtual void stop() = 0;           ///< afterwards nothing is answered
};

/// How a question that was asked of the source ended; the last of them without an answer.
enum class DirectoryOutcome : uint8_t { found, unknown, failed, timed_out };
inline constexpr size_t kDirectoryOutcomes = 4;

/// Counted since start; read by whoever shows metrics.
struct DirectoryCounters {
  /// Upper bounds of the latency's buckets, in microseconds; a last one has no bound.
  static constexpr std::array<uint32_t, 12> kLatencyBounds{250,     500,     1'000,     2'500,
                                                           5'000,   10'000,  25'000,    50'000,
                                                           100'000, 250'000, 1'000'000, 3'000'000};

  uint64_t hits = 0;           ///< answered from memory at once
  uint64_t negative_hits = 0;  ///< likewise: nobody by that name
  uint64_t stale_hits = 0;     ///< answered by what was known before the source went away
  uint64_t misses = 0;         ///< the source was asked
  uint64_t joined = 0;         ///< somebody asked for the same user already
  uint64_t refused = 0;        ///< the queue was full
  uint64_t found = 0;          ///< answers of the source …
  uint64_t unknown = 0;
  uint64_t failed = 0;
  uint64_t unavailable = 0;   ///< requests answered 500
  uint64_t lost_replies = 0;  ///< a shard took no more messages; its client asks again
  uint64_t waiting = 0;       ///< users being asked for, now
  uint64_t cached = 0;        ///< answers in memory, now
  struct Latency {
    std::array<uint64_t, kLatencyBounds.size() + 1> counts{};
    uint64_t sum_us = 0;
  };
  std::array<Latency, kDirectoryOutcomes> latency{};  ///< by DirectoryOutcome
};

/// A bounded cache of what is and of what is not, one question under way per user however many ask,
/// and an end to every wait. Called by all shards; a lock is held for a look into a table.
class CachedDirectory {
 public:
  /// Hands an answer to a shard; false where the shard takes no more just then.
  using Reply = std::function<bool(uint8_t shard, DirectoryTicket ticket, UserAnswer answer)>;

  CachedDirectory(const DirectorySettings& settings, UserSource& source, Reply reply);
  ~CachedDirectory();

  void start();
  void stop();

  UserLookup look_up(uint8_t shard, const UserQuestion& question, DirectoryTicket ticket, Now now);
  /// Ends the waits that have lasted too long; answers when the next one ends. Called by the thread
  /// of this object, and by tests.
  Instant expire(Instant now);
  DirectoryCounters counters() const;

 private:
  using UserKey = std::pair<std::string, std::string>;  ///< realm and name
  struct Waiter {
    uint8_t shard = 0;
    DirectoryTicket ticket = 0;
  };
  struct Flight {
    Instant asked_at{};
    Instant deadline{};
    std::vector<Waiter> waiters;
  };
  static constexpr size_t kMaxWaiters = 1'024;  ///< for one user

  void on_answer(const DirectoryQuestion& question, SourceAnswer answer);
  UserAnswer failure() const;
  void tell(const std::vector<Waiter>& waiters, const UserAnswer& answer);
  void count_latency(DirectoryOutcome outcome, Duration taken);
  void run();

  const DirectorySettings settings_;
  UserSource& source_;
  const Reply reply_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  AnswerCache cache_;
  std::map<UserKey, Flight> flights_;
  DirectoryCounters counters_;
  bool stopping_ = false;
  std::atomic<bool> is_stopped_{false};
  std::atomic<uint64_t> lost_replies_{0};
  std::thread thread_;
};

/// The directory as the authenticator of one realm sees it, on one shard.
class ShardDirectory final : public UserDirectory {
 public:
  ShardDirectory(CachedDirectory& directory, uint8_t shard, bool knows_sha256)
      : directory_(directory), shard_(shard), knows_sha256_(knows_sha256) {}
  UserLookup look_up(const UserQuestion& question, DirectoryTicket ticket, Now now) override {
    return directory_.look_up(shard_, question, ticket, now);
  }
  bool knows_sha256() const override { return knows_sha256_; }
  /// Names would have to be read all, and hashed, before the first is found.
  bool knows_userhash() const override { return false; }

 private:
  CachedDirectory& directory_;
  uint8_t shard_;
  bool knows_sha256_;
};

}  // namespace uturn
