// Reads a configuration file.
#include "server/config_yaml.h"

#include <algorithm>

#include "server/yaml_document.h"

namespace uturn {
namespace {

/// Options of coturn that files begin with; one is enough to recognise it.
constexpr std::string_view kCoturnOptions[] = {"listening-port",
                                               "tls-listening-port",
                                               "listening-ip",
                                               "listening-device",
                                               "relay-ip",
                                               "relay-device",
                                               "external-ip",
                                               "min-port",
                                               "max-port",
                                               "alt-listening-port",
                                               "alt-tls-listening-port",
                                               "relay-threads",
                                               "verbose",
                                               "Verbose",
                                               "fingerprint",
                                               "lt-cred-mech",
                                               "no-auth",
                                               "use-auth-secret",
                                               "static-auth-secret",
                                               "user",
                                               "userdb",
                                               "db",
                                               "psql-userdb",
                                               "mysql-userdb",
                                               "redis-userdb",
                                               "redis-statsdb",
                                               "realm",
                                               "server-name",
                                               "stale-nonce",
                                               "cert",
                                               "pkey",
                                               "pkey-pwd",
                                               "cipher-list",
                                               "dh-file",
                                               "CA-file",
                                               "log-file",
                                               "simple-log",
                                               "syslog",
                                               "no-stdout-log",
                                               "new-log-timestamp",
                                               "no-udp",
                                               "no-tcp",
                                               "no-tls",
                                               "no-dtls",
                                               "no-udp-relay",
                                               "no-tcp-relay",
                                               "no-sslv2",
                                               "no-sslv3",
                                               "no-tlsv1",
                                               "no-tlsv1_1",
                                               "no-tlsv1_2",
                                               "no-cli",
                                               "cli-ip",
                                               "cli-port",
                                               "cli-password",
                                               "web-admin",
                                               "prometheus",
                                               "denied-peer-ip",
                                               "allowed-peer-ip",
                                               "no-multicast-peers",
                                               "no-loopback-peers",
                                               "allow-loopback-peers",
                                               "user-quota",
                                               "total-quota",
                                               "max-bps",
                                               "bps-capacity",
                                               "proc-user",
                                               "proc-group",
                                               "pidfile",
                                               "mobility",
                                               "secure-stun",
                                               "stun-only",
                                               "no-stun",
                                               "no-rfc5780",
                                               "no-stun-backward-compatibility",
                                               "response-origin-only-with-rfc5780",
                                               "keep-address-family",
                                               "max-allocate-lifetime",
                                               "channel-lifetime",
                                               "permission-lifetime",
                                               "check-origin-consistency",
                                               "oauth",
                                               "no-software-attribute",
                                               "rest-api-separator",
                                               "tcp-proxy-port",
                                               "aux-server",
                                               "alternate-server",
                                               "no-dynamic-ip-list",
                                               "daemon"};

std::string_view trimmed(std::string_view line) {
  const size_t first = line.find_first_not_of(" \t\r");
  if (first == line.npos) return {};
  return line.substr(first, line.find_last_not_of(" \t\r") - first + 1);
}

}  // namespace

bool looks_like_coturn(std::string_view text) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.front() == '#') continue;

    const std::string_view name = line.substr(0, line.find_first_of(" \t=;"));
    return std::ranges::count(kCoturnOptions, name) > 0;
  }
  return false;
}

void read_config_yaml(std::string_view text, std::string_view file_name, ConfigReader& reader) {
  const auto tree = parse_yaml(text);
  if (!tree) {
    std::string where(file_name);
    if (tree.error().line > 0) where += ":" + std::to_string(tree.error().line);
    reader.add_problem({std::move(where), "", printable(tree.error().sentence)});
    return;
  }
  reader.read_file(*tree, file_name);
}

void read_config_file(const std::string& path, ConfigReader& reader) {
  const auto text = read_small_file(path, kMaxYamlBytes);
  if (!text) {
    reader.add_problem({"", "", printable(text.error())});
  } else if (looks_like_coturn(*text)) {
    reader.add_problem({path, "",
                        "this is a turnserver.conf of coturn; this version reads YAML only, an "
                        "importer comes later"});
  } else {
    read_config_yaml(*text, path, reader);
  }
}

}  // namespace uturn
