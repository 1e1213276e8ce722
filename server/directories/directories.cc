// Wiring databases to shards.
#include "server/directories/directories.h"

#include <algorithm>
#include <cctype>
#include <thread>

#include "server/authentication.h"
#include "server/shard.h"

namespace uturn {
namespace {

constexpr Duration kRingPause = std::chrono::milliseconds(1);

/// Other secrets for a shard; and its authenticator asks the directories again what they can do.
class Renewal final : public ShardErrand {
 public:
  explicit Renewal(std::shared_ptr<RestSecrets> secrets) : secrets_(std::move(secrets)) {}
  void run(Shard& shard) override { shard.renew_authentication(std::move(secrets_)); }

 private:
  std::shared_ptr<RestSecrets> secrets_;
};

std::string lower_case(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
  return lower;
}

}  // namespace

struct Directories::Database {
  using Connect = SettingsPoll::Connect;

  Database(Directories& directories, const DatabaseUrl& url, const Config& config)
      : Database(directories, url, config,
                 [url, options = StoreOptions{config.auth.directory.timeout, false}] {
                   return connect_store(url, options);
                 }) {}
  Database(Directories& all, const DatabaseUrl& url, const Config& config, const Connect& connect)
      : named(url.to_string()),
        backend(lower_case(name_of(url.kind))),
        pool(
            config.auth.directory.connections, connect,
            [this, &all](bool is_there, const std::string& why) { tell(all.log_, is_there, why); }),
        directory(config.auth.directory.answers, pool,
                  [&all](uint8_t shard, DirectoryTicket ticket, UserAnswer answer) {
                    return !all.channel_.send_from_outside(shard,
                                                           UserReply{ticket, std::move(answer)});
                  }),
        poll(
            config.server.realm, config.auth.directory.poll, connect,
            [&all](const SettingsPoll::Snapshot& snapshot) { all.on_settings(snapshot); },
            [this, &all](const std::string& why) {
              all.log_.warn("the credential database refuses a query",
                            {{"database", named}, {"reason", why}});
            }) {}

  void tell(const ComponentLog& log, bool is_there, const std::string& why) const {
    if (is_there) {
      log.info("the credential database is back", {{"database", named}});
    } else {
      log.warn("the credential database is gone: known users go on, others get 500",
               {{"database", named}, {"reason", why}});
    }
  }

  const std::string named;
  const std::string backend;
  std::atomic<bool> knows_sha256{false};
  mutable std::mutex mutex;
  std::shared_ptr<const StoredSettings> settings;
  DatabasePool pool;
  CachedDirectory directory;
  SettingsPoll poll;
};

struct Directories::Hook {
  Hook(Directories& all, const Config& config)
      : webhook(config.auth.webhook, config.auth.directory.connections,
                config.auth.directory.timeout,
                [&all](bool is_there, const std::string& why) {
                  if (is_there) return all.log_.info("the webhook answers again");
                  all.log_.warn("the webhook fails", {{"reason", why}});
                }),
        directory(settings_of(config), webhook,
                  [&all](uint8_t shard, DirectoryTicket ticket, UserAnswer answer) {
                    return !all.channel_.send_from_outside(shard,
                                                           UserReply{ticket, std::move(answer)});
                  }) {}

  static DirectorySettings settings_of(const Config& config) {
    DirectorySettings settings = config.auth.directory.answers;
    settings.unknown_while_gone = config.auth.webhook.fails_open;
    if (!config.auth.webhook.fails_open) settings.stale_ttl = {};
    return settings;
  }

  /// A store may answer with an MD5 key alone, and nobody knows before it has.
  const std::atomic<bool> knows_sha256{false};
  Webhook webhook;
  CachedDirectory directory;
};

Directories::Directories(const Config& config, const Log& log, ShardChannel& channel,
                         uint8_t shards)
    : config_(config), log_(log.of(LogComponent::directories)), channel_(channel), shards_(shards) {
  if (!config.auth.webhook.url.empty()) hook_ = std::make_unique<Hook>(*this, config);
  if (config.auth.database.empty()) return;
  const auto url = DatabaseUrl::parse(config.auth.database.reveal());
  CHECK(url.has_value());  // the configuration was read by the same function
  database_ = std::make_unique<Database>(*this, *url, config);
}

Directories::~Directories() { stop(); }

std::vector<std::shared_ptr<UserDirectory>> Directories::of_shard(uint8_t shard) {
  std::vector<std::shared_ptr<UserDirectory>> directories;
  if (database_) {
    directories.push_back(
        std::make_shared<ShardDirectory>(database_->directory, shard, database_->knows_sha256));
  }
  if (hook_) {
    directories.push_back(
        std::make_shared<ShardDirectory>(hook_->directory, shard, hook_->knows_sha256));
  }
  return directories;
}

void Directories::start() {
  if (hook_) {
    hook_->directory.start();
    log_.info("users of a webhook", {{"url", config_.auth.webhook.url}});
  }
  if (!database_) return;
  database_->directory.start();
  database_->poll.start();
  database_->poll.wait_for_first();
  log_.info("users of a database", {{"database", database_->named},
                                    {"connections", uint64_t{config_.auth.directory.connections}}});
}

void Directories::stop() {
  stopping_ = true;
  if (hook_) hook_->directory.stop();
  if (!database_) return;
  database_->poll.stop();
  database_->directory.stop();
}

void Directories::on_settings(const SettingsPoll::Snapshot& snapshot) {
  Database& database = *database_;
  auto settings = std::make_shared<const StoredSettings>(snapshot.settings);
  std::shared_ptr<const StoredSettings> before;
  {
    const std::scoped_lock lock(database.mutex);
    before = std::exchange(database.settings, settings);
  }
  if (before && before->keeps_sha256 != settings->keeps_sha256) database.pool.renew_connections();
  database.knows_sha256 = snapshot.has_sha256;
  if (settings->unreadable > 0) {
    log_.warn("rows of the credential database say nothing that is understood",
              {{"database", database.named}, {"rows", uint64_t{settings->unreadable}}});
  }

  const std::vector<Secret> secrets = this->secrets();
  const Config config = this->config();
  if (secrets.size() + config.auth.secrets.size() > RestSecrets::kMaxSecrets) {
    log_.warn("more shared secrets than are tried; the last ones are left out",
              {{"database", database.named}, {"tried", uint64_t{RestSecrets::kMaxSecrets}}});
  }
  renew_shards(make_rest_secrets(config, secrets));
}

void Directories::reload(const Config& config) {
  const std::scoped_lock lock(mutex_);
  config_ = config;
}

Config Directories::config() const {
  const std::scoped_lock lock(mutex_);
  return config_;
}

std::vector<Secret> Directories::secrets() const {
  const auto settings = this->settings();
  if (!settings) return {};
  const auto found = settings->secrets.find(config().server.realm);
  return found == settings->secrets.end() ? std::vector<Secret>{} : found->second;
}

// Before the first clients the shards do not run yet; they find this as their first message.
void Directories::renew_shards(const std::shared_ptr<RestSecrets>& secrets) {
  for (uint8_t shard = 0; shard < shards_; ++shard) {
    while (channel_.send_from_outside(shard, std::make_unique<Renewal>(secrets)) && !stopping_) {
      std::this_thread::sleep_for(kRingPause);
    }
  }
}

std::vector<DirectoryReport> Directories::reports() const {
  std::vector<DirectoryReport> reports;
  if (database_) {
    reports.push_back(
        {database_->backend, database_->directory.counters(), database_->pool.counters()});
  }
  if (hook_) reports.push_back({"webhook", hook_->directory.counters(), std::nullopt});
  return reports;
}

std::shared_ptr<const StoredSettings> Directories::settings() const {
  if (!database_) return nullptr;
  const std::scoped_lock lock(database_->mutex);
  return database_->settings;
}

}  // namespace uturn
