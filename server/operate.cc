// What operators do with a running server: look, drain, reload, change the log's level.
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "server/admin/admin_api.h"
#include "server/admin/admin_socket.h"
#include "server/config_texts.h"
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
    log_.info("there is no admin socket", {{"because", opened->said}});
  } else if (opened->said.empty()) {
    log_.info("the admin socket is open", {{"path", admin_->path()}});
  } else {
    log_.info("the admin socket is open elsewhere",
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
  auto opened = CredentialServers::open(credential_facts(), account, clock_);
  if (!opened) return Failure{opened.error()};
  credentials_ = std::move(*opened);
  if (const auto address = credentials_->address()) {
    log_.info(
        "the credential service is open",
        {{"url", (credentials_->is_secure() ? "https://" : "http://") + address->to_string()}});
  }
  if (!config_.credentials.socket.empty()) {
    log_.info("the credential service is open", {{"socket", config_.credentials.socket}});
  }
  return Done{};
}

CredentialFacts Server::credential_facts() const {
  CredentialFacts facts;
  facts.config = config_.credentials;
  facts.realm = config_.server.realm;
  facts.secrets = config_.auth.secrets;
  facts.rest = config_.auth.rest;
  facts.urls = ice_urls(uris_, config_.relay.external, locals_, certified_name(config_.tls));
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

void Server::drain(std::optional<Duration> deadline) {
  const Duration patience = deadline.value_or(config_.server.drain_timeout);
  const auto now = steady_clock::now();
  {
    const std::lock_guard lock(live_);
    if (!draining_) draining_.emplace(Draining{now, now});
    draining_->ends = now + patience;
  }
  tell_shards_to_drain(true);
  log_.info("draining: new clients are refused, and the server stops with the last allocation",
            {{"at_the_latest_in", print_duration(patience)}});
}

void Server::resume() {
  {
    const std::lock_guard lock(live_);
    if (!std::exchange(draining_, std::nullopt)) return;
  }
  tell_shards_to_drain(false);
  log_.info("draining was cancelled: new clients are served again");
}

void Server::tell_shards_to_drain(bool on) {
  for (uint8_t shard = 0; shard < workers_; ++shard) {
    const bool told = tell_shard(shard, [on] {
      return [on](Shard& at) {
        at.drain(on);
        return true;
      };
    });
    if (!told) log_.error("a worker was not told to drain", {{"worker", uint64_t{shard}}});
  }
}

// One that holds nothing any more has nobody to wait for.
bool Server::is_drained() {
  if (!draining_) return false;
  const auto left = count_allocations(shards());
  if (left && *left == 0) {
    log_.info("drained: no allocation is left");
    return true;
  }
  if (steady_clock::now() < draining_->ends) return false;
  log_.warn("draining took too long; the server stops", {{"allocations", left.value_or(0)}});
  return true;
}

LogLevel Server::log_level() const { return config_.log.level; }

void Server::set_log_level(LogLevel level) {
  log_.set_level(level);
  const std::lock_guard lock(live_);
  config_.log.level = level;
  config_.log.levels.clear();
}

Result<Json, std::string> Server::reload() {
  auto done = try_reload();
  const std::lock_guard lock(live_);
  last_reload_ = LastReload{steady_clock::now(), done ? std::string{} : done.error()};
  return done;
}

// Everything is read, checked and made before anything changes.
Result<Json, std::string> Server::try_reload() {
  const auto refuse = [&](const std::string& why) {
    log_.error("the configuration is refused, and nothing has changed", {{"because", why}});
    return Failure{why};
  };
  ReadAgain again = read_again(config_, process_value_sources());
  if (!again.problems.empty()) return refuse(text_of(again.problems));
  const auto changes = find_changes(config_, again.config);
  Config next = with_fixed_parts(config_, std::move(again.config));

  if (const auto unused = find_unused_mapping(next.relay.external, relay_addresses_)) {
    return refuse("relay.external: " + unused->to_string() + " maps none of the relay addresses");
  }
  if (const auto shown = find_ambiguous_address(next.relay.external, relay_addresses_)) {
    return refuse("relay.external: two relay addresses would be seen as " + shown->to_string());
  }
  // The shards get the certificates at once: from here on nothing may fail but the log's file.
  if (std::ranges::any_of(changes, is_of_certificates)) {
    if (!certificates_ || next.tls.all().empty()) {
      return refuse("tls: a server that starts without a certificate, or with one, goes on so");
    }
    if (auto loaded = certificates_->reconfigure(next.tls, clock_.now()); !loaded) {
      return refuse(loaded.error());
    }
  }
  {
    const std::lock_guard lock(live_);
    if (auto opened = log_.reload(next.log); !opened) return refuse(opened.error());
    config_ = std::move(next);
  }
  external_ = external_of(config_);
  default_family_ = config_.relay.default_family;
  if (!has_default_family(default_family_, relay_addresses_)) {
    const bool is_v4 = default_family_ == DefaultFamily::ipv4;
    default_family_ = is_v4 ? DefaultFamily::ipv6 : DefaultFamily::ipv4;
  }
  denied_told_.clear();
  hand_configuration_to_shards();
  if (credentials_) {
    if (auto done = credentials_->reload(credential_facts()); !done) {
      log_.error("the credential service goes on with its former certificate",
                 {{"because", done.error()}});
    }
  }
  reload_dashboard();
  return report(changes);
}

void Server::hand_configuration_to_shards() {
  directories_->reload(config_);
  realms_->reload(config_, policy_settings());
  for (uint8_t shard = 0; shard < workers_; ++shard) {
    const bool taken = tell_shard(shard, [&] {
      return [settings = shard_settings(shard)](Shard& at) mutable {
        at.reload(std::move(settings));
        return true;
      };
    });
    if (!taken) {
      log_.error("a worker did not take the configuration over and goes on with the former one",
                 {{"worker", uint64_t{shard}}});
    }
  }
}

Json Server::report(const std::vector<ConfigChange>& changes) {
  Json changed = Json::array();
  Json waiting = Json::array();
  for (const ConfigChange& change : changes) {
    if (change.needs_restart) {
      waiting.push_back(change.key);
      log_.warn("a setting changes with the next start only", {{"key", change.key}});
    } else {
      changed.push_back({{"key", change.key}, {"from", change.from}, {"to", change.to}});
      log_.info("a setting has changed",
                {{"key", change.key}, {"from", change.from}, {"to", change.to}});
    }
  }
  log_.info("the configuration was reloaded", {{"changed", changed.size()}});
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
