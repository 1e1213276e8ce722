// ServedRealms: the realms of this process, as the configuration and the database name them
// together.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "auth/peer_policy.h"
#include "auth/quota.h"
#include "auth/realms.h"
#include "server/authentication.h"
#include "server/config.h"
#include "server/directories/directories.h"
#include "server/log.h"
#include "server/shard_channel.h"

namespace uturn {

/// Whenever the configuration is read again, or the database says something else, every shard gets
/// new realms by errand and the quota new limits. A database has a word wherever the configuration
/// has none: its users, secrets, peer ranges, origins and token keys come beside those of the
/// configuration, its options count where `realms.NAME.limits` has a 0. A realm that only the
/// database knows is served where it has an origin, an option, a secret or a token key there.
class ServedRealms {
 public:
  /// What of the configuration does not change after the start, or is known to the server alone.
  struct World {
    const Log& log;
    ShardChannel& channel;
    QuotaLedger& quota;
    Directories& directories;
    uint8_t shards = 1;
    std::vector<NonceKey> nonce_keys;
  };
  /// `peers`: the policy's settings without what realms and a database add.
  ServedRealms(World world, const Config& config, const PeerPolicy::Settings& peers);
  ~ServedRealms() { stop(); }

  /// For a shard that is being made; later ones come by errand.
  std::unique_ptr<const Realms> of_shard(uint8_t shard) const;
  RealmId id_of(const std::string& realm) const;
  /// What a reload brings. What shards are sent afterwards, they get behind it.
  void reload(const Config& config, const PeerPolicy::Settings& peers);
  /// What the database says. On the thread that polls it, and before the shards run.
  void on_database(const SettingsPoll::Snapshot& snapshot);
  /// Shards end: nobody is waited for any more.
  void stop() { stopping_ = true; }
  std::vector<std::string> names() const;

 private:
  struct Plan {
    RealmId id{};
    RealmSources sources;
    std::shared_ptr<const PeerPolicy> policy;
    bool database_has_sha256 = false;
  };
  static constexpr size_t kMostNumbers = 4'096;  ///< of realms that come and go while we run

  void plan();
  RealmLimits limits_of(const std::string& realm) const;
  PeerPolicy::Settings peers_of(const std::string& realm) const;
  std::vector<TokenKey> token_keys_of(const std::string& realm);
  std::vector<std::string> names_wanted();
  void add_realm(const std::string& name);
  void add_origins();
  std::unique_ptr<const Realms> make_realms(uint8_t shard) const;
  void tell_shards();

  World world_;
  std::atomic<bool> stopping_{false};
  mutable std::mutex mutex_;  ///< whoever changes anything holds it until the shards know
  Config config_;
  PeerPolicy::Settings peers_;
  SettingsPoll::Snapshot database_;
  std::map<std::string, RealmId, std::less<>> numbers_;        ///< of all that ever were served
  std::map<std::string, std::shared_ptr<StaticUsers>> users_;  ///< of the configuration: kept,
                                                               ///< since hashing takes long
  std::map<std::string, Plan> plans_;                          ///< what is served now
  std::map<std::string, RealmId, std::less<>> by_origin_;
};

}  // namespace uturn
