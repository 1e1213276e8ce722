// LifeUsers: who each of the clients that come and go is.
#pragma once

#include <cstdint>
#include <string>

#include "auth/rest_secrets.h"
#include "client/long_term_credentials.h"
#include "client/tools/bench/options.h"

namespace uturn {

/// One user for all; `--users N` of one password in turn, NAME-0, NAME-1 …; or, by a secret of the
/// TURN REST API, one for each life that no server can have met before.
class LifeUsers {
 public:
  LifeUsers() = default;  ///< nobody: a challenge ends the life
  explicit LifeUsers(const BenchOptions& options);

  LongTermCredentials of(uint64_t life, CalendarTime now) const;

 private:
  std::string name_;
  std::string password_;
  std::string secret_;  ///< empty: a name and a password
  uint32_t users_ = 0;  ///< 0: one, of this very name
};

}  // namespace uturn
