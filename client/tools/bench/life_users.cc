// LifeUsers: names in turn, and names with an expiry.
#include "client/tools/bench/life_users.h"

#include <chrono>

namespace uturn {

constexpr std::chrono::hours kRestLifetime{1};

LifeUsers::LifeUsers(const BenchOptions& options)
    : name_(options.username),
      password_(options.password),
      secret_(options.auth_secret),
      users_(options.users) {}

LongTermCredentials LifeUsers::of(uint64_t life, CalendarTime now) const {
  if (!secret_.empty()) {
    const std::string name = make_rest_name(now + kRestLifetime, "life-" + std::to_string(life));
    return {name, rest_password(secret_, name)};
  }
  if (users_ == 0) return {name_, password_};
  return {name_ + "-" + std::to_string(life % users_), password_};
}

}  // namespace uturn
