// What a Config must satisfy as a whole, and what it had better.
#include "server/config_checks.h"

#include <algorithm>

#include "server/privileges.h"

namespace uturn {
namespace {

bool has_family(const std::vector<IpAddress>& addresses, AddressFamily family) {
  return std::ranges::any_of(addresses, [&](const IpAddress& a) { return a.family() == family; });
}

/// Only root can become somebody else; for others the value means nothing.
void check_run_as(const ServerConfig& server, ConfigProblems& problems) {
  if (!is_root()) return;
  const auto account = find_account_or_nobody(server.run_as);
  if (!account) problems.push_back({"", "", account.error()});
}

/// A mapping that no relay address uses would silently announce nothing.
void check_external(const RelayConfig& relay, ConfigProblems& problems) {
  if (relay.addresses.empty()) return;  // auto: known when the interfaces were asked
  for (const ExternalMapping& external : relay.external) {
    const bool is_used = external.private_address
                             ? std::ranges::count(relay.addresses, *external.private_address) > 0
                             : has_family(relay.addresses, external.public_address.family());
    if (!is_used) {
      problems.push_back(
          {"", "relay.external", external.to_string() + " maps no address of relay.addresses"});
    }
  }
}

void check_default_family(const RelayConfig& relay, ConfigProblems& problems) {
  if (relay.addresses.empty() || relay.default_family == DefaultFamily::keep) return;
  const bool is_v4 = relay.default_family == DefaultFamily::ipv4;
  if (has_family(relay.addresses, is_v4 ? AddressFamily::ipv4 : AddressFamily::ipv6)) return;
  // Otherwise every request without REQUESTED-ADDRESS-FAMILY would end in 440.
  problems.push_back({"", "relay.default_family",
                      std::string(is_v4 ? "ipv4" : "ipv6") +
                          " has no address in relay.addresses; name one or change the family"});
}

bool is_in_relay_ports(const ListenerUri& listener, const RelayConfig& relay) {
  return relay.ports.contains(listener.address.port);
}

}  // namespace

ConfigProblems find_contradictions(const Config& config) {
  ConfigProblems problems;
  if (config.listeners.empty()) problems.push_back({"", "listeners", "at least one is needed"});
  if (config.auth.required && !config.auth.has_source()) {
    problems.push_back({"", "auth",
                        "nobody could log in: add users or secrets (--user NAME:PASSWORD, "
                        "--auth-secret S), or say --no-auth to relay for everybody"});
  }
  check_run_as(config.server, problems);
  check_external(config.relay, problems);
  check_default_family(config.relay, problems);
  return problems;
}

std::vector<std::string> find_warnings(const Config& config) {
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
  constexpr uint32_t kFewPorts = 100;
  if (config.relay.ports.size() < kFewPorts) {
    warnings.push_back("relay.ports holds only " + std::to_string(config.relay.ports.size()) +
                       " ports; each allocation takes one of a relay address");
  }
  return warnings;
}

}  // namespace uturn
