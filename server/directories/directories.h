// Directories: the sources of users outside this process, as one configuration wires them.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "auth/rest_secrets.h"
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
  Directories(const Config& config, const Log& log, ShardChannel& channel, uint8_t shards);
  ~Directories();

  /// For one shard's authenticator, in the order in which they are asked.
  std::vector<std::shared_ptr<UserDirectory>> of_shard(uint8_t shard);

  /// Waits for the first word of the database, or for the failure to get one, so that the first
  /// client finds secrets and the right announcement.
  void start();
  void stop();
  /// Other users and secrets beside those of the directories; which directories there are is fixed
  /// with the start.
  void reload(const Config& config);
  /// The shared secrets that the database has for the realm.
  std::vector<Secret> secrets() const;

  // For metrics, and for whoever applies what the database says of realms. From any thread.
  std::vector<DirectoryReport> reports() const;
  /// Null until the database has answered once.
  std::shared_ptr<const StoredSettings> settings() const;

 private:
  struct Database;
  struct Hook;
  void on_settings(const SettingsPoll::Snapshot& snapshot);
  void renew_shards(const std::shared_ptr<RestSecrets>& secrets);

  Config config() const;

  mutable std::mutex mutex_;
  Config config_;  ///< under mutex_: the polls' threads read it
  const ComponentLog log_;
  ShardChannel& channel_;
  const uint8_t shards_;
  std::atomic<bool> stopping_{false};
  std::unique_ptr<Database> database_;
  std::unique_ptr<Hook> hook_;
};

}  // namespace uturn
