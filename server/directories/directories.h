// Directories: the sources of users outside this process, as one configuration wires them.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "auth/user_directory.h"
#include "server/config.h"
#include "server/directories/cached_directory.h"
#include "server/directories/database_pool.h"
#include "server/directories/settings_poll.h"
#include "server/directories/webhook.h"
#include "server/log.h"
#include "server/shard_channel.h"

namespace uturn {

/// What a directory does, for metrics.
struct DirectoryReport {
  std::string backend;  ///< "sqlite", "postgresql", "mysql", "redis", "webhook"
  DirectoryCounters counters;
  std::optional<DatabasePoolCounters> pool;  ///< of a database
};

/// Nothing runs before start(), which is called when root has been given up: what a database's
/// file or socket lets us do is found out as who we stay.
class Directories {
 public:
  /// Hears what a database has besides users: first thing, and whenever it is something else. On
  /// the thread of its poll.
  using OnSettings = std::function<void(const SettingsPoll::Snapshot& snapshot)>;

  Directories(const Config& config, const Log& log, ShardChannel& channel, OnSettings on_settings);
  ~Directories();

  /// For the authenticators of one realm and shard, in the order in which they are asked.
  std::vector<std::shared_ptr<UserDirectory>> of_shard(uint8_t shard, bool database_has_sha256);

  /// Waits for the first word of the database, or for the failure to get one, so that the first
  /// client finds secrets and the right announcement.
  void start();
  void stop();
  /// Other realms; which directories there are is fixed with the start.
  void reload(const Config& config);

  // For metrics. From any thread.
  std::vector<DirectoryReport> reports() const;

 private:
  struct Database;
  struct Hook;
  void on_settings(const SettingsPoll::Snapshot& snapshot);

  const Config config_;
  const ComponentLog log_;
  ShardChannel& channel_;
  const OnSettings on_settings_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<Hook> hook_;
};

}  // namespace uturn
