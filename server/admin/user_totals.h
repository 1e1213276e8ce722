// User totals: live sessions added up by who made them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "server/admin/shard_reports.h"

namespace uturn {

struct UserTotal {
  std::string name;  ///< of a TURN REST user its id; empty under --no-auth
  uint64_t sessions = 0;
  uint64_t bytes_to_peers = 0;
  uint64_t bytes_to_clients = 0;

  uint64_t bytes() const { return bytes_to_peers + bytes_to_clients; }
};

struct UserTotals {
  std::vector<UserTotal> users;  ///< most bytes first
  uint64_t all = 0;              ///< how many users there are
};

/// The `limit` users who have relayed most. The walk takes kWalkTime at the most; what it does not
/// reach by then is left out.
Result<UserTotals, std::string> read_user_totals(const Shards& shards, size_t limit);

}  // namespace uturn
