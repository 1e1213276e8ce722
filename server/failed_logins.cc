// Counting failed attempts to log in.
#include "server/failed_logins.h"

#include "auth/quota.h"

namespace uturn {

std::optional<FailedLogins::Told> FailedLogins::note(const FailedLogin& attempt, Instant now) {
  auto& of_source = sources_.add(quota_network(attempt.client), now);
  const auto& of_user = users_.add({attempt.realm, attempt.username.substr(0, kMostOfAName)}, now);
  attempts_.fetch_add(1, std::memory_order_relaxed);
  sources_now_.store(sources_.size(), std::memory_order_relaxed);

  const bool is_first = of_source.number == 1;
  if (!is_first && now - of_source.told < kPause) return std::nullopt;
  if (now - second_began_ >= std::chrono::seconds(1)) {
    second_began_ = now;
    told_in_second_ = 0;
  }
  if (told_in_second_ >= kLinesPerSecond) return std::nullopt;
  ++told_in_second_;
  of_source.told = now;
  return Told{of_source.number, of_user.number};
}

}  // namespace uturn
