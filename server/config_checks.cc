// What a Config must satisfy as a whole, and what it had better.
#include "server/config_checks.h"

#include <algorithm>
#include <map>

#include "server/authentication.h"
#include "server/directories/database_url.h"
#include "server/privileges.h"
#include "server/relay_checks.h"
#include "server/tls_checks.h"

namespace uturn {
namespace {

/// Only root can become somebody else; for others the value means nothing.
void check_run_as(const ServerConfig& server, ConfigProblems& problems) {
  if (!is_root()) return;
  const auto account = find_account_or_nobody(server.run_as);
  if (!account) problems.push_back({"", "", account.error()});
}

void check_classes(const Config& config, ConfigProblems& problems) {
  const auto check = [&](const std::string& name, const std::string& where) {
    if (name.empty() || config.quota.classes.contains(name)) return;
    problems.push_back({"", where, "there is no class " + name + " in limits.classes"});
  };
  for (const auto& [name, user] : config.auth.users) {
    check(user.credential_class, "auth.users." + name);
  }
  for (const TokenKey& key : config.auth.oauth.keys) {
    check(key.credential_class, "auth.oauth.keys");
  }
  for (const std::string& name : config.auth.secret_classes) check(name, "auth.secrets");
  for (const auto& [realm, parts] : config.realms) {
    for (const auto& [name, user] : parts.users) {
      check(user.credential_class, "realms." + realm + ".users." + name);
    }
    for (const TokenKey& key : parts.oauth.keys) {
      check(key.credential_class, "realms." + realm + ".oauth.keys");
    }
    for (const std::string& name : parts.secret_classes)
      check(name, "realms." + realm + ".secrets");
  }
}

/// Of the default realm: `auth` and `realms` may both say something of it.
void check_token_keys(const Config& config, ConfigProblems& problems) {
  const auto more = config.realms.find(config.server.realm);
  if (more == config.realms.end()) return;
  for (const TokenKey& key : more->second.oauth.keys) {
    if (std::ranges::count(config.auth.oauth.keys, key.kid, &TokenKey::kid) == 0) continue;
    problems.push_back({"", "realms." + more->first + ".oauth.keys",
                        printable(key.kid) + " is the kid of a key of auth.oauth already"});
  }
}

void check_realms(const Config& config, ConfigProblems& problems) {
  for (const ListenerUri& listener : config.listeners) {
    const bool is_served = listener.realm.empty() || listener.realm == config.server.realm ||
                           config.realms.contains(listener.realm);
    if (is_served) continue;
    problems.push_back({"", "listeners",
                        listener.to_string() + " is for " + printable(listener.realm) +
                            ", which neither server.realm nor realms names"});
  }
  std::map<std::string, std::string> realm_by_origin;
  for (const auto& [name, realm] : config.realms) {
    for (const std::string& origin : realm.origins) {
      const auto added = realm_by_origin.emplace(origin, name);
      if (added.second || added.first->second == name) continue;
      problems.push_back({"", "realms." + name + ".origins",
                          origin + " is " + added.first->second + "'s already"});
    }
  }
}

bool has_users(const Config& config) {
  return config.auth.has_source() || std::ranges::any_of(config.realms, [](const auto& realm) {
           const RealmConfig& parts = realm.second;
           return !parts.users.empty() || !parts.secrets.empty() || !parts.oauth.keys.empty();
         });
}

/// Where the addresses are chosen, the start checks the same (Server::choose_relay_addresses).
void check_relay(const RelayConfig& relay, ConfigProblems& problems) {
  if (relay.addresses.empty()) return;
  if (const auto unused = find_unused_mapping(relay.external, relay.addresses)) {
    problems.push_back(
        {"", "relay.external", unused->to_string() + " maps no address of relay.addresses"});
  }
  if (const auto shown = find_ambiguous_address(relay.external, relay.addresses)) {
    problems.push_back({"", "relay.external",
                        "two of relay.addresses would be seen as " + shown->to_string() +
                            "; give each its own, PUBLIC/PRIVATE"});
  }
  if (!has_default_family(relay.default_family, relay.addresses)) {
    const bool is_v4 = relay.default_family == DefaultFamily::ipv4;
    problems.push_back({"", "relay.default_family",
                        std::string(is_v4 ? "ipv4" : "ipv6") +
                            " has no address in relay.addresses; name one or change the family"});
  }
}

/// There must be a secret of its class in its realm, or in any where it has none.
void check_api_key(const Config& config, const std::string& name, const ApiKey& key,
                   ConfigProblems& problems) {
  const bool has_realm = !key.realm.empty() && key.realm != config.server.realm;
  if (has_realm && !config.realms.contains(key.realm)) return;  // a warning
  const auto realms = key.realm.empty() ? realm_names(config) : std::vector{key.realm};
  size_t secrets = 0;
  for (const std::string& realm : realms) {
    const ConfiguredSecrets known = secrets_of(config, realm);
    secrets += known.secrets.size();
    if (std::ranges::count(known.classes, key.credential_class) > 0) return;
  }
  const std::string where =
      has_realm ? "realms." + printable(key.realm) + ".secrets" : "auth.secrets";
  problems.push_back(
      {"", "credentials.keys." + name,
       secrets == 0 ? where + " is needed to sign what is handed out"
       : key.credential_class.empty()
           ? "every secret of " + where + " has a class: add one without, or give the key a class"
           : "no secret of " + where +
                 " has its class: add {secret: ..., class: " + key.credential_class + "}"});
}

void check_credentials(const Config& config, ConfigProblems& problems) {
  const CredentialServiceConfig& credentials = config.credentials;
  if (credentials.certificate.empty() != credentials.key.empty()) {
    problems.push_back({"", "credentials", "certificate and key go together"});
  }
  if (credentials.is_off()) return;
  if (credentials.listen && credentials.keys.empty()) {
    problems.push_back({"", "credentials", "keys says who may ask; nobody could"});
  }
  const std::vector<std::string> all = realm_names(config);
  const bool has_any = std::ranges::any_of(
      all, [&](const std::string& realm) { return !secrets_of(config, realm).secrets.empty(); });
  if (!has_any) {
    problems.push_back({"", "credentials", "auth.secrets is needed to sign what is handed out"});
    return;
  }
  for (const auto& [name, key] : credentials.keys) check_api_key(config, name, key, problems);
}

// A token that anybody on the way could read would be everybody's.
void check_admin(const Config& config, ConfigProblems& problems) {
  const AdminConfig& admin = config.admin;
  if (admin.certificate.empty() != admin.key.empty()) {
    problems.push_back({"", "admin", "certificate and key go together"});
  }
  if (!admin.listen) return;
  if (admin.token.empty()) {
    problems.push_back({"", "admin.listen", "admin.token is needed: it says who may ask"});
  }
  if (admin.certificate.empty() && config.tls.main.certificate.empty() &&
      !admin.listen->ip.is_loopback()) {
    problems.push_back({"", "admin.listen",
                        "an address of the network needs a certificate: admin.certificate and "
                        "admin.key, or those of tls"});
  }
}

bool is_in_relay_ports(const ListenerUri& listener, const RelayConfig& relay) {
  return relay.ports.contains(listener.address.port);
}

/// What of a realm leads nowhere.
void warn_of_realms(const Config& config, std::vector<std::string>& warnings) {
  const bool has_directory = !config.auth.database.empty() || !config.auth.webhook.url.empty();
  for (const auto& [name, realm] : config.realms) {
    const std::string where = "realms." + printable(name);
    for (const AddressRange& denied : realm.peers.deny) {
      for (const AddressRange& allowed : realm.peers.allow) {
        if (!allowed.contains(denied.first) || !allowed.contains(denied.last)) continue;
        warnings.push_back(where + ".peers: " + denied.to_string() +
                           " is denied in vain, its own allow goes first");
        break;
      }
    }
    if (name == config.server.realm) continue;
    const bool has_users =
        !realm.users.empty() || !realm.secrets.empty() || !realm.oauth.keys.empty();
    if (config.auth.required && !has_users && !has_directory) {
      warnings.push_back(where + ": nobody can log in: it has no users, secrets or OAuth keys");
    }
    if (realm.origins.empty() &&
        std::ranges::count(config.listeners, name, &ListenerUri::realm) == 0) {
      warnings.push_back(
          where + ": neither a listener nor an origin leads there, only clients that name it");
    }
  }
  for (const auto& [name, key] : config.credentials.keys) {
    const bool is_known =
        key.realm.empty() || key.realm == config.server.realm || config.realms.contains(key.realm);
    if (is_known) continue;
    warnings.push_back("credentials.keys." + name + ": there is no realm " + printable(key.realm) +
                       " in realms; whoever shows the key gets 403");
  }
}

}  // namespace

ConfigProblems find_contradictions(const Config& config) {
  ConfigProblems problems;
  if (config.listeners.empty()) problems.push_back({"", "listeners", "at least one is needed"});
  if (config.auth.required && !has_users(config)) {
    problems.push_back({"", "auth",
                        "nobody could log in: add users or secrets (--user NAME:PASSWORD, "
                        "--auth-secret S), or say --no-auth to relay for everybody"});
  }
  check_classes(config, problems);
  check_realms(config, problems);
  check_token_keys(config, problems);
  check_run_as(config.server, problems);
  check_relay(config.relay, problems);
  check_credentials(config, problems);
  check_admin(config, problems);
  for (ConfigProblem& problem : find_tls_problems(config)) problems.push_back(std::move(problem));
  return problems;
}

std::vector<std::string> find_warnings(const Config& config, std::optional<CalendarTime> now) {
  std::vector<std::string> warnings;
  if (!config.auth.required) {
    warnings.emplace_back("auth.required is false: everybody may relay through this server");
    if (config.auth.has_source()) {
      warnings.emplace_back("auth.required is false: auth.users and auth.secrets are not used");
    }
  }
  if (config.auth.required && config.limits.allocations_per_user == 0 && config.auth.has_source()) {
    warnings.emplace_back(
        "limits.allocations_per_user is 0: one leaked credential can take every relay port");
  }
  const auto database = DatabaseUrl::parse(config.auth.database.reveal());
  if (database && database->is_open_to_listeners()) {
    warnings.push_back("auth.database: passwords and keys cross the network to " + database->host +
                       " unencrypted" +
                       (database->kind == DatabaseKind::redis ? "" : "; say ?tls=on"));
  }
  if (config.auth.nonce_lifetime > 1h) {
    warnings.emplace_back(
        "auth.nonce_lifetime is above 1h: nonces should expire within an hour (RFC 8656, Section "
        "5)");
  }
  for (const ListenerUri& listener : config.listeners) {
    if (!is_in_relay_ports(listener, config.relay)) continue;
    warnings.push_back("listeners: " + listener.to_string() +
                       " lies within relay.ports; relaying will not use that port");
  }
  const auto& service = config.credentials;
  if (service.listen && service.certificate.empty() && !service.listen->ip.is_loopback()) {
    warnings.emplace_back(
        "credentials.listen is plain HTTP on an address of the network: keys and passwords can be "
        "read on the way");
  }
  constexpr uint32_t kFewPorts = 100;
  if (config.relay.ports.size() < kFewPorts) {
    warnings.push_back("relay.ports holds only " + std::to_string(config.relay.ports.size()) +
                       " ports; each allocation takes one of a relay address");
  }
  warn_of_realms(config, warnings);
  for (std::string& warning : find_tls_warnings(config, now)) {
    warnings.push_back(std::move(warning));
  }
  return warnings;
}

}  // namespace uturn
