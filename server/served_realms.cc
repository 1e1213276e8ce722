// Putting realms together, and telling shards.
#include "server/served_realms.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <thread>
#include <utility>

#include "auth/origin.h"
#include "server/config_problem.h"
#include "server/config_values.h"
#include "server/shard.h"

namespace uturn {
namespace {

constexpr std::chrono::milliseconds kRingPause{1};

class NewRealms final : public ShardErrand {
 public:
  explicit NewRealms(std::unique_ptr<const Realms> realms) : realms_(std::move(realms)) {}
  void run(Shard& shard) override { shard.serve(std::move(realms_)); }

 private:
  std::unique_ptr<const Realms> realms_;
};

/// What a table that may have no row of this name says.
template <class Map>
const typename Map::mapped_type* find(const Map& map, const std::string& name) {
  const auto found = map.find(name);
  return found == map.end() ? nullptr : &found->second;
}

template <class T>
void append(std::vector<T>& to, const std::vector<T>* more) {
  if (more != nullptr) to.insert(to.end(), more->begin(), more->end());
}

/// Nothing where its key or its algorithm is none.
std::optional<TokenKey> token_key_of(const OauthKey& row) {
  TokenKey key;
  key.kid = row.kid;
  if (!row.algorithm.empty() &&
      read_word(row.algorithm, kTokenAlgorithmWords, key.algorithm).has_value()) {
    return std::nullopt;
  }
  if (row.kid.empty() || read_token_key(row.key_base64.reveal(), key)) return std::nullopt;
  key.not_before = CalendarTime{std::chrono::seconds{row.timestamp}};
  if (row.lifetime != 0) key.expires_at = key.not_before + std::chrono::seconds{row.lifetime};
  return key;
}

}  // namespace

ServedRealms::ServedRealms(World world, const Config& config, const PeerPolicy::Settings& peers)
    : world_(std::move(world)), config_(config), peers_(peers) {
  plan();
}

std::unique_ptr<const Realms> ServedRealms::of_shard(uint8_t shard) const {
  const std::scoped_lock lock(mutex_);
  return make_realms(shard);
}

RealmId ServedRealms::id_of(const std::string& realm) const {
  const std::scoped_lock lock(mutex_);
  const RealmId* const known = find(numbers_, realm);
  return known ? *known : kAnyRealm;
}

std::vector<std::string> ServedRealms::names() const {
  const std::scoped_lock lock(mutex_);
  std::vector<std::string> names;
  for (const auto& [name, plan] : plans_) names.push_back(name);
  return names;
}

void ServedRealms::reload(const Config& config, const PeerPolicy::Settings& peers) {
  const std::scoped_lock lock(mutex_);
  config_ = config;
  peers_ = peers;
  users_.clear();
  plan();
  tell_shards();
}

void ServedRealms::on_database(const SettingsPoll::Snapshot& snapshot) {
  const std::scoped_lock lock(mutex_);
  database_ = snapshot;
  plan();
  tell_shards();
}

void ServedRealms::plan() {
  plans_.clear();
  QuotaLimits limits = quota_limits_of(config_);
  for (const std::string& name : names_wanted()) {
    add_realm(name);
    const RealmLimits of_realm = limits_of(name);
    if (of_realm != RealmLimits{}) limits.realms.emplace(name, of_realm);
  }
  add_origins();
  world_.quota.set_limits(limits);
}

/// The default comes first, then the configuration's; what is too many is left out.
std::vector<std::string> ServedRealms::names_wanted() {
  std::vector<std::string> names{config_.server.realm};
  bool has_all = true;
  const auto want = [&](const std::string& name) {
    if (name.empty() || std::ranges::find(names, name) != names.end()) return;
    const bool has_room =
        names.size() < Realms::kMost && (numbers_.contains(name) || numbers_.size() < kMostNumbers);
    if (has_room) names.push_back(name);
    has_all = has_all && has_room;
  };
  for (const auto& [name, realm] : config_.realms) want(name);
  for (const std::string& name : realms_named_by(database_.settings)) want(name);
  if (!has_all) {
    world_.log.warn("more realms than are served; the last ones of the database are left out",
                    {{"served", uint64_t{names.size()}}});
  }
  return names;
}

void ServedRealms::add_realm(const std::string& name) {
  const RealmId next{static_cast<uint16_t>(numbers_.size())};
  const auto users = users_.try_emplace(name, nullptr);
  if (users.second) users.first->second = make_static_users(config_, name);

  Plan plan;
  plan.id = numbers_.try_emplace(name, next).first->second;
  plan.sources.users = users.first->second;
  const std::vector<Secret>* const secrets = find(database_.settings.secrets, name);
  plan.sources.secrets =
      make_rest_secrets(config_, name, secrets ? *secrets : std::vector<Secret>{});
  if (secrets && (!plan.sources.secrets || secrets->size() > plan.sources.secrets->size())) {
    world_.log.warn("more shared secrets than are tried; the last ones are left out",
                    {{"realm", name}, {"tried", uint64_t{RestSecrets::kMaxSecrets}}});
  }
  plan.sources.token_keys = token_keys_of(name);
  plan.policy = std::make_shared<const PeerPolicy>(peers_of(name));
  plan.database_has_sha256 = database_.sha256_realms.contains(name);
  plans_.emplace(name, std::move(plan));
}

RealmLimits ServedRealms::limits_of(const std::string& realm) const {
  RealmLimits limits;
  if (const RealmConfig* const said = find(config_.realms, realm)) limits = said->limits;
  const RealmOptions* const options = find(database_.settings.realm_options, realm);
  if (options == nullptr) return limits;
  if (limits.allocations == 0) limits.allocations = options->total_quota.value_or(0);
  if (limits.allocations_per_user == 0) {
    limits.allocations_per_user = options->user_quota.value_or(0);
  }
  if (limits.bandwidth_per_allocation == 0) {
    limits.bandwidth_per_allocation = options->max_bps.value_or(0);
  }
  return limits;
}

/// The configuration's of the realm go before everybody's. With these a database's rows are one
/// list, of its realm and of all: as in coturn, whatever allows there wins over whatever denies.
PeerPolicy::Settings ServedRealms::peers_of(const std::string& realm) const {
  PeerPolicy::Settings peers = peers_;
  if (const RealmConfig* const said = find(config_.realms, realm)) {
    peers.realm_allow = said->peers.allow;
    peers.realm_deny = said->peers.deny;
  }
  for (const std::string& name : {std::string{}, realm}) {  // "": for all of them
    append(peers.allow, find(database_.settings.allowed_peers, name));
    append(peers.deny, find(database_.settings.denied_peers, name));
  }
  return peers;
}

/// A database's row names its realm or is for all; it comes behind the configuration's keys.
std::vector<TokenKey> ServedRealms::token_keys_of(const std::string& realm) {
  std::vector<TokenKey> keys = uturn::token_keys_of(config_, realm);
  for (const OauthKey& row : database_.settings.oauth_keys) {
    if (!row.realm.empty() && row.realm != realm) continue;
    if (auto key = token_key_of(row)) {
      if (std::ranges::count(keys, key->kid, &TokenKey::kid) == 0) keys.push_back(*std::move(key));
    } else if (realm == config_.server.realm || !row.realm.empty()) {  // told once
      world_.log.warn("an OAuth key of the credential database is none",
                      {{"kid", printable(row.kid)}});
    }
  }
  return keys;
}

void ServedRealms::add_origins() {
  by_origin_.clear();
  for (const auto& [name, realm] : config_.realms) {
    for (const std::string& origin : realm.origins) {
      by_origin_.try_emplace(origin, plans_.at(name).id);
    }
  }
  for (const auto& [origin, name] : database_.settings.realm_by_origin) {
    const Plan* const plan = find(plans_, name);
    if (plan) by_origin_.try_emplace(canonical_origin(origin), plan->id);
  }
}

std::unique_ptr<const Realms> ServedRealms::make_realms(uint8_t shard) const {
  Realms::Settings settings;
  settings.by_id.resize(numbers_.size());
  settings.default_realm = plans_.at(config_.server.realm).id;
  settings.by_origin = by_origin_;
  for (const auto& [name, plan] : plans_) {
    settings.by_id[static_cast<size_t>(plan.id)] = {
        make_authenticator(config_, name, plan.id, plan.sources, world_.nonce_keys,
                           world_.directories.of_shard(shard, plan.database_has_sha256)),
        plan.policy};
  }
  return std::make_unique<const Realms>(std::move(settings));
}

// Before the first clients the shards do not run yet; they find this as their first message.
void ServedRealms::tell_shards() {
  for (uint8_t shard = 0; shard < world_.shards; ++shard) {
    while (!stopping_ && world_.channel.send_from_outside(
                             shard, std::make_unique<NewRealms>(make_realms(shard)))) {
      std::this_thread::sleep_for(kRingPause);
    }
  }
}

}  // namespace uturn
