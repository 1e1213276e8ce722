// Shard reports: what all shards say, gathered in steps so small that none of them stalls.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "protocol/result.h"
#include "server/admin/session.h"
#include "server/relay/counters.h"
#include "server/shard_channel.h"

namespace uturn {

/// How long anybody waits for a shard, which answers between two of its passes.
inline constexpr std::chrono::seconds kShardPatience{5};
/// Slots of the allocation table that one errand looks at, and that one errand may end: some tens
/// of microseconds.
inline constexpr uint32_t kSlotsPerErrand = 128;
inline constexpr uint32_t kKicksPerErrand = 16;
/// Of one walk through all sessions; what is left is another request's.
inline constexpr std::chrono::seconds kWalkTime{5};

/// The shards to ask.
struct Shards {
  ShardChannel& channel;
  uint8_t count = 0;
};

struct ShardReport {
  uint64_t allocations = 0;
  uint64_t reservations = 0;
  uint64_t pending = 0;
  uint64_t tcp_connections = 0;
  bool is_draining = false;
  RelayCounters counters;
};
/// The error says which shard did not answer.
Result<std::vector<ShardReport>, std::string> read_reports(const Shards& shards);
/// The allocations of all shards; nothing where one did not answer.
std::optional<uint64_t> count_allocations(const Shards& shards);

/// Where a walk through all sessions goes on.
struct SessionCursor {
  uint8_t shard = 0;
  uint32_t slot = 0;

  static std::optional<SessionCursor> parse(std::string_view text);  ///< "SHARD:SLOT"
  std::string to_string() const;
};
struct SessionPage {
  std::vector<Session> sessions;
  std::optional<SessionCursor> next;  ///< where there may be more
};
/// At most `limit`. A session that lives as long as the walk lasts is met exactly once.
Result<SessionPage, std::string> read_sessions(const Shards& shards, const SessionFilter& filter,
                                               SessionCursor from, size_t limit);
/// The `limit` sessions that have relayed most, most first.
Result<SessionPage, std::string> read_busiest(const Shards& shards, const SessionFilter& filter,
                                              size_t limit);

/// How many ended: the one with this id, if it has not already; or all that match.
Result<uint64_t, std::string> kick(const Shards& shards, const std::vector<SessionId>& ids);
Result<uint64_t, std::string> kick(const Shards& shards, const SessionFilter& filter);

}  // namespace uturn
