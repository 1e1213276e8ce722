// FailedLogins: who tries to log in and fails, counted by source and by user, and told in lines
// that fail2ban reads.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "auth/auth_failure.h"
#include "protocol/time.h"
#include "protocol/transport_address.h"

namespace uturn {

/// One attempt whose nonce was fresh: whoever made it receives at the address it came from, so that
/// nobody can have another one banned.
struct FailedLogin {
  AuthFailure why{};
  IpAddress client{};
  std::string username{};  ///< empty: a hash was sent instead
  std::string realm{};
};

/// Counts by key what came lately. Bounded: a full one forgets some other key, in turn, so that a
/// flood of new keys pushes each of the old ones out once at the most.
template <class Key>
class RecentCounts {
 public:
  struct Count {
    uint64_t number = 0;
    Instant latest{};
    Instant told{};  ///< to be set by the caller
  };
  RecentCounts(size_t most, Duration window) : most_(most), window_(window) {}

  /// Begins anew where nothing came for the window's time.
  Count& add(const Key& key, Instant now) {
    auto found = counts_.find(key);
    if (found == counts_.end()) {
      if (counts_.size() >= most_) forget_one();
      found = counts_.emplace(key, Count{}).first;
    }
    Count& count = found->second;
    if (now - count.latest > window_) count = {};
    ++count.number;
    count.latest = now;
    return count;
  }
  size_t size() const { return counts_.size(); }

 private:
  void forget_one() {
    auto next = counts_.upper_bound(forgotten_);
    if (next == counts_.end()) next = counts_.begin();
    forgotten_ = next->first;
    counts_.erase(next);
  }

  size_t most_;
  Duration window_;
  std::map<Key, Count> counts_;  ///< ordered: no client can choose keys that are slow to find
  Key forgotten_{};
};

/// Of one thread; the numbers may be read by others.
class FailedLogins {
 public:
  static constexpr size_t kMostSources = 16'384;
  static constexpr size_t kMostUsers = 4'096;
  static constexpr size_t kMostOfAName = 128;  ///< bytes that are kept and told of it
  static constexpr Duration kWindow = std::chrono::minutes(10);
  static constexpr Duration kPause = std::chrono::seconds(1);  ///< between lines of one source
  static constexpr uint32_t kLinesPerSecond = 100;             ///< of all

  FailedLogins() : sources_(kMostSources, kWindow), users_(kMostUsers, kWindow) {}

  /// What the line says: attempts of this source, and to log in as this user, in their windows.
  struct Told {
    uint64_t of_source = 0;
    uint64_t of_user = 0;
  };
  /// Counts it. Nothing: enough has been told just now.
  std::optional<Told> note(const FailedLogin& attempt, Instant now);

  uint64_t attempts() const { return attempts_; }
  uint64_t sources() const { return sources_now_; }

 private:
  RecentCounts<IpAddress> sources_;                          ///< quota_network(): IPv6 by /64
  RecentCounts<std::pair<std::string, std::string>> users_;  ///< realm and name
  Instant second_began_{};
  uint32_t told_in_second_ = 0;
  std::atomic<uint64_t> attempts_{0};
  std::atomic<uint64_t> sources_now_{0};
};

}  // namespace uturn
