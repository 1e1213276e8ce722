// Wiring databases to shards.
#include "server/directories/directories.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <set>
#include <utility>

namespace uturn {
namespace {

/// Whose users may come, as far as the configuration knows.
std::set<std::string> realms_of(const Config& config) {
  std::set<std::string> realms{config.server.realm};
  for (const auto& [name, realm] : config.realms) realms.insert(name);
  return realms;
}

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
            realms_of(config), config.auth.directory.poll, connect,
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
  std::optional<bool> keeps_sha256;  ///< as it said last; of its poll's thread
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

  Webhook webhook;
  CachedDirectory directory;
};

Directories::Directories(const Config& config, const Log& log, ShardChannel& channel,
                         OnSettings on_settings)
    : config_(config),
      log_(log.of(LogComponent::directories)),
      channel_(channel),
      on_settings_(std::move(on_settings)) {
  if (!config.auth.webhook.url.empty()) hook_ = std::make_unique<Hook>(*this, config);
  if (config.auth.database.empty()) return;
  const auto url = DatabaseUrl::parse(config.auth.database.reveal());
  CHECK(url.has_value());  // the configuration was read by the same function
  database_ = std::make_unique<Database>(*this, *url, config);
}

Directories::~Directories() { stop(); }

std::vector<std::shared_ptr<UserDirectory>> Directories::of_shard(uint8_t shard,
                                                                  bool database_has_sha256) {
  std::vector<std::shared_ptr<UserDirectory>> directories;
  if (database_) {
    directories.push_back(
        std::make_shared<ShardDirectory>(database_->directory, shard, database_has_sha256));
  }
  // A store may answer with an MD5 key alone, and nobody knows before it has.
  if (hook_) {
    directories.push_back(std::make_shared<ShardDirectory>(hook_->directory, shard, false));
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
  if (hook_) hook_->directory.stop();
  if (!database_) return;
  database_->poll.stop();
  database_->directory.stop();
}

void Directories::on_settings(const SettingsPoll::Snapshot& snapshot) {
  const StoredSettings& settings = snapshot.settings;
  Database& database = *database_;
  const auto before = std::exchange(database.keeps_sha256, settings.keeps_sha256);
  if (before && *before != settings.keeps_sha256) database.pool.renew_connections();
  if (settings.unreadable > 0) {
    log_.warn("rows of the credential database say nothing that is understood",
              {{"database", database.named}, {"rows", uint64_t{settings.unreadable}}});
  }
  on_settings_(snapshot);
}

void Directories::reload(const Config& config) {
  if (database_) database_->poll.set_realms(realms_of(config));
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

}  // namespace uturn
