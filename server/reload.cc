// Comparing configurations, and reading one again.
#include "server/reload.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "server/config_checks.h"
#include "server/config_keys.h"
#include "server/config_reader.h"
#include "server/serve_arguments.h"

namespace uturn {
namespace {

// Whatever is not named here changes live.
constexpr std::string_view kFixedKeys[] = {
    "server.workers",
    "server.io",
    "server.state_dir",
    "server.run_as",
    "server.socket_buffer.listeners",
    "server.socket_buffer.relay",
    "server.freebind",
    "server.batch_wait",
    "server.busy_poll",
    "listeners",
    "relay.addresses",
    "relay.ports",
    "auth.database",
    "metrics.listen",
    "admin.socket",
    "admin.listen",
    "credentials.listen",
    "credentials.socket",
};

std::string joined(const std::vector<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts) all += (all.empty() ? "" : ", ") + text;
  return all;
}

/// Users by name, since their passwords are nobody's business.
std::vector<ConfigChange> changes_of_users(const std::map<std::string, StaticUser>& from,
                                           const std::map<std::string, StaticUser>& to) {
  std::vector<ConfigChange> changes;
  for (const auto& [name, user] : from) {
    const auto found = to.find(name);
    if (found != to.end() && found->second == user) continue;
    changes.push_back({"auth.users." + name, std::string(kMasked),
                       found == to.end() ? "" : std::string(kMasked)});
  }
  for (const auto& [name, user] : to) {
    if (!from.contains(name)) changes.push_back({"auth.users." + name, "", std::string(kMasked)});
  }
  return changes;
}

/// By name, likewise.
std::vector<ConfigChange> changes_of_realms(
    const std::map<std::string, RealmConfig, std::less<>>& from,
    const std::map<std::string, RealmConfig, std::less<>>& to) {
  std::vector<ConfigChange> changes;
  for (const auto& [name, realm] : from) {
    const auto found = to.find(name);
    if (found != to.end() && found->second == realm) continue;
    changes.push_back(
        {"realms." + name, std::string(kMasked), found == to.end() ? "" : std::string(kMasked)});
  }
  for (const auto& [name, realm] : to) {
    if (!from.contains(name)) changes.push_back({"realms." + name, "", std::string(kMasked)});
  }
  return changes;
}

std::string certificates_text(const std::vector<CertificateFiles>& all) {
  std::string text;
  for (const CertificateFiles& files : all) {
    text += (text.empty() ? "" : ", ") + files.certificate + " " + files.key;
  }
  return text;
}

}  // namespace

bool needs_restart(std::string_view key) {
  return std::ranges::count(kFixedKeys, key) > 0 || key.starts_with("auth.directory.") ||
         key.starts_with("auth.webhook.");
}

std::vector<ConfigChange> find_changes(const Config& from, const Config& to) {
  std::vector<ConfigChange> changes;
  for (const ConfigKey& key : config_keys()) {
    if (key.shape == ConfigKey::Shape::users) {
      for (ConfigChange& change : changes_of_users(from.auth.users, to.auth.users)) {
        changes.push_back(std::move(change));
      }
    } else if (key.shape == ConfigKey::Shape::certificates) {
      const std::string before = certificates_text(from.tls.certificates);
      const std::string after = certificates_text(to.tls.certificates);
      if (before != after) changes.push_back({std::string(key.path), before, after});
    } else if (key.shape == ConfigKey::Shape::api_keys) {
      if (from.credentials.keys != to.credentials.keys) {
        changes.push_back({std::string(key.path), std::string(kMasked), std::string(kMasked)});
      }
    } else if (key.shape == ConfigKey::Shape::token_keys) {
      if (from.auth.oauth.keys != to.auth.oauth.keys) {
        changes.push_back({std::string(key.path), std::string(kMasked), std::string(kMasked)});
      }
    } else if (key.shape == ConfigKey::Shape::realms) {
      for (ConfigChange& change : changes_of_realms(from.realms, to.realms)) {
        changes.push_back(std::move(change));
      }
    } else if (key.print != nullptr) {
      const auto before = key.print(from);
      const auto after = key.print(to);
      // What is masked looks alike.
      const bool differs = before != after ||
                           (key.path == "auth.secrets" && from.auth.secrets != to.auth.secrets) ||
                           (key.path == "admin.token" && from.admin.token != to.admin.token);
      if (!differs) continue;
      changes.push_back(
          {std::string(key.path), joined(before), joined(after), needs_restart(key.path)});
    }
  }
  return changes;
}

ReadAgain read_again(const Config& running, const ValueSources& sources) {
  ReadAgain result;
  CLI::App app;
  ServeArguments arguments(app);
  const auto& said = running.start.arguments;
  try {
    app.parse(std::vector<std::string>(said.rbegin(), said.rend()));
  } catch (const CLI::ParseError& error) {
    result.problems.push_back({"", "", printable(error.what())});
    return result;
  }
  ConfigReader reader(result.config, sources);
  arguments.read_into(result.config, reader);
  result.problems = reader.problems();
  if (!result.problems.empty()) return result;

  // What quick start made up, and what was detected, goes on.
  Config& config = result.config;
  config.start = running.start;
  if (running.start.credential_generated) config.auth.users = running.auth.users;
  if (running.start.detected_external) {
    config.relay.external.push_back({*running.start.detected_external, std::nullopt});
  }
  result.problems = find_contradictions(config);
  return result;
}

Config with_fixed_parts(const Config& from, Config to) {
  const std::string realm = to.server.realm;
  const std::string software = to.server.software;
  const auto alternates = to.server.alternates;
  const std::string domain = to.server.alternate_domain;
  const Duration drain_timeout = to.server.drain_timeout;
  to.server = from.server;
  to.server.realm = realm;
  to.server.software = software;
  to.server.alternates = alternates;
  to.server.alternate_domain = domain;
  to.server.drain_timeout = drain_timeout;
  to.listeners = from.listeners;
  to.relay.addresses = from.relay.addresses;
  to.relay.ports = from.relay.ports;
  to.auth.database = from.auth.database;
  to.auth.directory = from.auth.directory;
  to.auth.webhook = from.auth.webhook;
  to.metrics.listen = from.metrics.listen;
  to.admin.socket = from.admin.socket;
  to.admin.listen = from.admin.listen;
  to.credentials.listen = from.credentials.listen;
  to.credentials.socket = from.credentials.socket;
  return to;
}

}  // namespace uturn
