// What operators do with a running server: look, drain, reload, change the log's level.
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "server/admin/admin_api.h"
#include "server/admin/admin_socket.h"
#include "server/admin/dashboard_server.h"
#include "server/authentication.h"
#include "server/config_texts.h"
#include "server/config_values.h"
#include "server/ice_servers.h"
#include "server/relay_checks.h"
#include "server/reload.h"
#include "server/server.h"
#include "server/shard_errand.h"
#include "server/tls_checks.h"
#include "server/value_sources.h"

namespace uturn {
namespace {

using Json = nlohmann::ordered_json;
using std::chrono::steady_clock;

constexpr int kShardTries = 50;

int64_t seconds_since(steady_clock::time_point when) {
  return std::chrono::floor<std::chrono::seconds>(steady_clock::now() - when).count();
}

/// All problems in one text, each a sentence.
std::string text_of(const ConfigProblems& problems) {
  std::string text;
  for (const ConfigProblem& problem : problems) {
    text += (text.empty() ? "" : "; ") + problem.to_string();
  }
  return text;
}

bool is_of_certificates(const ConfigChange& change) {
  return change.key.starts_with("tls.") && !change.needs_restart;
}

}  // namespace

// While still root: the directory may be root's.
Result<Done, std::string> Server::open_admin() {
  std::optional<Account> account;
  if (is_root()) {
    if (auto found = find_account_or_nobody(config_.server.run_as)) account = std::move(*found);
  }
  auto opened = open_admin_socket(config_.admin, account, std::getenv("XDG_RUNTIME_DIR"));
  if (!opened) return Failure{opened.error()};
  admin_ = std::move(opened->server);
  if (!admin_) {
    admin_log().info("there is no admin socket", {{"because", opened->said}});
  } else if (opened->said.empty()) {
    admin_log().info("the admin socket is open", {{"path", admin_->path()}});
  } else {
    admin_log().info("the admin socket is open elsewhere",
                     {{"path", admin_->path()}, {"because", opened->said}});
  }
  return Done{};
}

Result<Done, std::string> Server::open_credentials() {
  if (config_.credentials.is_off()) return Done{};
  std::optional<Account> account;
  if (is_root()) {
    if (auto found = find_account_or_nobody(config_.server.run_as)) account = std::move(*found);
  }
  auto opened = CredentialServers::open(credential_facts(config_), account, clock_);
  if (!opened) return Failure{opened.error()};
  credentials_ = std::move(*opened);
  if (const auto address = credentials_->address()) {
    admin_log().info(
        "the credential service is open",
        {{"url", (credentials_->is_secure() ? "https://" : "http://") + address->to_string()}});
  }
  if (!config_.credentials.socket.empty()) {
    admin_log().info("the credential service is open", {{"socket", config_.credentials.socket}});
  }
  return Done{};
}

CredentialFacts Server::credential_facts(const Config& config) const {
  CredentialFacts facts;
  facts.config = config.credentials;
  facts.realm = config.server.realm;
  facts.rest = config.auth.rest;
  for (const std::string& realm : realm_names(config)) {
    ConfiguredSecrets secrets = secrets_of(config, realm);
    facts.realms[realm] = {
        .secrets = std::move(secrets.secrets),
        .secret_classes = std::move(secrets.classes),
        .urls = ice_urls(listeners_of_realm(uris_, realm, config.server.realm),
                         config.relay.external, locals_, certified_name(config.tls))};
  }
  return facts;
}

Result<Done, std::string> Server::serve_admin() {
  if (credentials_) {
    if (auto served = credentials_->serve(); !served) return served;
  }
  return admin_ ? admin_->serve(admin_routes(*this)) : Result<Done, std::string>{Done{}};
}

Shards Server::shards() { return {*channel_, workers_}; }

Json Server::describe() const {
  const std::lock_guard lock(live_);
  Json json{{"version", UTURN_VERSION},
            {"pid", ::getpid()},
            {"state", draining_ ? "draining" : "serving"},
            {"uptime", seconds_since(started_at_)},
            {"config_file", config_.start.config_file},
            {"realm", config_.server.realm},
            {"io", io_ == IoKind::uring ? "io_uring" : "epoll"}};
  Json listeners = Json::array();
  for (const ListenerUri& uri : uris_) listeners.push_back(uri.to_string());
  json["listeners"] = std::move(listeners);
  Json addresses = Json::array();
  for (const IpAddress& address : relay_addresses_) addresses.push_back(address.to_string());
  const uint64_t ports = uint64_t{config_.relay.ports.size()} * relay_addresses_.size();
  json["relay"] = {{"addresses", std::move(addresses)},
                   {"ports", std::to_string(config_.relay.ports.first) + "-" +
                                 std::to_string(config_.relay.ports.last)},
                   {"ports_total", ports},
                   {"ports_held", ports_->taken()}};
  json["allocation_limit"] = config_.limits.allocations;
  if (draining_) {
    json["drain"] = {{"since", seconds_since(draining_->since)},
                     {"ends_in", std::max<int64_t>(0, -seconds_since(draining_->ends))}};
  }
  json["last_reload"] = nullptr;
  if (last_reload_) {
    json["last_reload"] = {
        {"since", seconds_since(last_reload_->at)},
        {"error", last_reload_->error.empty() ? Json(nullptr) : Json(last_reload_->error)}};
  }
  return json;
}

std::string Server::show(const TransportAddress& address) const {
  const std::lock_guard lock(live_);
  return log_.show(address);
}

// A range has the address that it begins with.
std::string Server::show(const AddressRange& range) const {
  const std::lock_guard lock(live_);
  return config_.log.privacy == LogPrivacy::full ? range.to_string() : log_.show(range.first);
}

void Server::note_kick(uint64_t sessions, const std::string& wish, const Asker& asker) {
  admin_log().info(
      "sessions were kicked",
      {{"sessions", sessions}, {"of", wish}, {"by", std::string(asker.by)}, {"from", asker.from}});
}

void Server::drain(std::optional<Duration> deadline, const Asker& asker) {
  const Duration patience = deadline.value_or(config_.server.drain_timeout);
  const auto now = steady_clock::now();
  {
    const std::lock_guard lock(live_);
    if (!draining_) draining_.emplace(Draining{now, now});
    draining_->ends = now + patience;
  }
  tell_shards_to_drain(true);
  notify_.status("drains");
  admin_log().info(
      "draining: new clients are refused, and the server stops with the last allocation",
      {{"at_the_latest_in", print_duration(patience)},
       {"by", std::string(asker.by)},
       {"from", asker.from}});
}

void Server::resume(const Asker& asker) {
  {
    const std::lock_guard lock(live_);
    if (!std::exchange(draining_, std::nullopt)) return;
  }
  tell_shards_to_drain(false);
  notify_.status("serves");
  admin_log().info("draining was cancelled: new clients are served again",
                   {{"by", std::string(asker.by)}, {"from", asker.from}});
}

void Server::tell_shards_to_drain(bool on) {
  for (uint8_t shard = 0; shard < workers_; ++shard) {
    const bool told = tell_shard(shard, [on] {
      return [on](Shard& at) {
        at.drain(on);
        return true;
      };
    });
    if (!told) admin_log().error("a worker was not told to drain", {{"worker", uint64_t{shard}}});
  }
  if (sampler_) sampler_->forget();  // readyz says so from here on
}

// One that holds nothing any more has nobody to wait for.
bool Server::is_drained() {
  if (!draining_) return false;
  const auto left = count_allocations(shards());
  if (left && *left == 0) {
    admin_log().info("drained: no allocation is left");
    return true;
  }
  if (steady_clock::now() < draining_->ends) return false;
  admin_log().warn("draining took too long; the server stops", {{"allocations", left.value_or(0)}});
  return true;
}

LogLevels Server::log_levels() const { return {config_.log.level, log_.levels()}; }

// Noted in the configuration, so that a reload says what it sets back.
void Server::set_log_level(std::optional<LogComponent> component, LogLevel level,
                           const Asker& asker) {
  const std::lock_guard lock(live_);
  const auto note = [&] {
    admin_log().info("the log's level was changed",
                     {{"of", component ? std::string(name_of(*component)) : "all"},
                      {"to", print_word(kLogLevelWords, level)},
                      {"by", std::string(asker.by)},
                      {"from", asker.from}});
  };
  const bool is_told = log_.is_enabled(LogComponent::admin, LogLevel::info);
  if (is_told) note();  // as long as it is
  auto& levels = config_.log.levels;
  if (component) {
    std::erase_if(levels, [&](const ComponentLevel& one) { return one.component == *component; });
    levels.push_back({*component, level});
    log_.set_level(*component, level);
  } else {
    levels.clear();
    config_.log.level = level;
    log_.set_level(level);
  }
  if (!is_told) note();
}

// The service manager calls this a reload, whoever has asked for it (sd_notify(3)).
Result<Json, std::string> Server::reload(const Asker& asker) {
  notify_.reloading();
  auto done = try_reload(asker);
  const std::lock_guard lock(live_);
  last_reload_ = LastReload{steady_clock::now(), done ? std::string{} : done.error()};
  notify_.ready(std::string(draining_ ? "drains" : "serves") +
                (done ? "" : "; the last reload was refused, see the log"));
  return done;
}

/// Everything that other settings need, read and made, while the former ones serve.
struct Server::Preparation {
  std::vector<ConfigChange> changes;
  Config config;
  std::optional<Certificates::Prepared> certificates;
  std::optional<CredentialServers::Prepared> credentials;
  std::optional<DashboardServer::Prepared> dashboard;
  std::optional<Log::Prepared> log;
};

Result<Json, std::string> Server::try_reload(const Asker& asker) {
  auto prepared = prepare_reload();
  if (!prepared) {
    admin_log().error(
        "the configuration is refused, and nothing has changed",
        {{"because", prepared.error()}, {"by", std::string(asker.by)}, {"from", asker.from}});
    return Failure{prepared.error()};
  }
  return take(*std::move(prepared), asker);
}

// Whatever may fail is here, and nothing here changes what is served.
Result<Server::Preparation, std::string> Server::prepare_reload() {
  ReadAgain again = read_again(config_, process_value_sources());
  if (!again.problems.empty()) return Failure{text_of(again.problems)};
  Preparation prepared;
  prepared.changes = find_changes(config_, again.config);
  prepared.config = with_fixed_parts(config_, std::move(again.config));
  const Config& next = prepared.config;

  if (const auto unused = find_unused_mapping(next.relay.external, relay_addresses_)) {
    return Failure{"relay.external: " + unused->to_string() + " maps none of the relay addresses"};
  }
  if (const auto shown = find_ambiguous_address(next.relay.external, relay_addresses_)) {
    return Failure{"relay.external: two relay addresses would be seen as " + shown->to_string()};
  }
  if (std::ranges::any_of(prepared.changes, is_of_certificates)) {
    if (!certificates_ || next.tls.all().empty()) {
      return Failure{
          std::string("tls: a server that starts without a certificate, or with one, goes on so")};
    }
    auto loaded = certificates_->prepare(next.tls, clock_.now());
    if (!loaded) return Failure{loaded.error()};
    prepared.certificates = *std::move(loaded);
  }
  if (credentials_) {
    auto loaded = credentials_->prepare(credential_facts(next));
    if (!loaded) return Failure{loaded.error()};
    prepared.credentials = *std::move(loaded);
  }
  if (dashboard_) {
    auto loaded = dashboard_->prepare(next);
    if (!loaded) return Failure{loaded.error()};
    prepared.dashboard = *std::move(loaded);
  }
  // The last, since the file of a log is made by opening it.
  auto log = Log::prepare(next.log);
  if (!log) return Failure{log.error()};
  prepared.log = *std::move(log);
  return prepared;
}

Result<Json, std::string> Server::take(Preparation prepared, const Asker& asker) {
  {
    const std::lock_guard lock(live_);
    log_.take(*std::move(prepared.log));
    config_ = std::move(prepared.config);
  }
  if (prepared.certificates) certificates_->take(*std::move(prepared.certificates), clock_.now());
  external_ = external_of(config_);
  default_family_ = config_.relay.default_family;
  if (!has_default_family(default_family_, relay_addresses_)) {
    const bool is_v4 = default_family_ == DefaultFamily::ipv4;
    default_family_ = is_v4 ? DefaultFamily::ipv6 : DefaultFamily::ipv4;
  }
  connections_->set_limits(connection_limits());
  denied_told_.clear();
  hand_configuration_to_shards();
  if (prepared.credentials) credentials_->take(*std::move(prepared.credentials));
  if (prepared.dashboard) dashboard_->take(*std::move(prepared.dashboard));
  return report(prepared.changes, asker);
}

void Server::hand_configuration_to_shards() {
  directories_->reload(config_);
  realms_->reload(config_, policy_settings());
  std::vector<TakesPlain> of_datagrams;
  std::vector<TakesPlain> of_streams;
  for (const ListenerUri& uri : uris_) {
    (is_stream(uri.transport) ? of_streams : of_datagrams).push_back(takes_plain(uri));
  }
  for (uint8_t shard = 0; shard < workers_; ++shard) {
    const bool taken = tell_shard(shard, [&] {
      return [settings = shard_settings(shard), of_datagrams, of_streams](Shard& at) mutable {
        at.reload(std::move(settings));
        at.set_plain(of_datagrams, of_streams);
        return true;
      };
    });
    if (!taken) {
      admin_log().error(
          "a worker did not take the configuration over and goes on with the former one",
          {{"worker", uint64_t{shard}}});
    }
  }
}

Json Server::report(const std::vector<ConfigChange>& changes, const Asker& asker) {
  Json changed = Json::array();
  Json waiting = Json::array();
  for (const ConfigChange& change : changes) {
    if (change.needs_restart) {
      waiting.push_back(change.key);
      admin_log().warn("a setting changes with the next start only", {{"key", change.key}});
    } else {
      changed.push_back({{"key", change.key}, {"from", change.from}, {"to", change.to}});
      admin_log().info("a setting has changed",
                       {{"key", change.key}, {"from", change.from}, {"to", change.to}});
    }
  }
  admin_log().info(
      "the configuration was reloaded",
      {{"changed", changed.size()}, {"by", std::string(asker.by)}, {"from", asker.from}});
  return {{"changed", std::move(changed)}, {"needs_restart", std::move(waiting)}};
}

// `make_errand` makes it anew for each try: a full ring takes it with it.
bool Server::tell_shard(uint8_t shard, const auto& make_errand) {
  for (int i = 0; i < kShardTries; ++i) {
    auto done = ask_shard(*channel_, shard, make_errand());
    if (done.wait_for(kShardPatience) != std::future_status::ready) return false;
    if (done.get()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return false;
}

}  // namespace uturn
