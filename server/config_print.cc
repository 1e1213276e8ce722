// Prints a Config along the table of keys.
#include "server/config_print.h"

#include <algorithm>

#include "server/config_keys.h"
#include "server/config_texts.h"
#include "server/config_values.h"

namespace uturn {
namespace {

/// `items` as YAML has them.
std::string print_items(const std::vector<std::string>& items) {
  std::string out = "[";
  for (size_t i = 0; i < items.size(); ++i) out += (i == 0 ? "" : ", ") + items[i];
  return out + "]";
}

std::string print_list(std::vector<std::string> texts) {
  for (std::string& text : texts) text = yaml_quoted(text);
  return print_items(texts);
}

std::string print_users(const std::map<std::string, StaticUser>& users, const std::string& indent) {
  if (users.empty()) return " {}\n";
  std::string out = "\n";
  for (const auto& [name, user] : users) {
    const char* part = user.keys.empty() ? "password" : "key";
    out += indent + yaml_quoted(name) + ": {" + part + ": \"" + std::string(kMasked) + "\"";
    if (!user.credential_class.empty()) out += ", class: " + yaml_quoted(user.credential_class);
    out += "}\n";
  }
  return out;
}

std::string print_token_keys(const std::vector<TokenKey>& keys, const std::string& indent) {
  if (keys.empty()) return " []\n";
  std::string out = "\n";
  for (const TokenKey& key : keys) {
    out += indent + "- {kid: " + yaml_quoted(key.kid) + ", key: \"" + std::string(kMasked) +
           "\", algorithm: " + print_word(kTokenAlgorithmWords, key.algorithm);
    if (key.not_before != CalendarTime{}) {
      out += ", not_before: " + std::to_string(key.not_before.time_since_epoch().count());
    }
    if (key.expires_at != CalendarTime::max()) {
      out += ", expires: " + std::to_string(key.expires_at.time_since_epoch().count());
    }
    if (!key.credential_class.empty()) out += ", class: " + yaml_quoted(key.credential_class);
    out += "}\n";
  }
  return out;
}

std::string print_classes(const std::map<std::string, CredentialClass, std::less<>>& classes,
                          const std::string& indent) {
  if (classes.empty()) return " {}\n";
  std::string out = "\n";
  for (const auto& [name, limits] : classes) {
    out += indent + yaml_quoted(name) + ": {allocations: " + std::to_string(limits.allocations) +
           ", bandwidth: " + print_rate(limits.bandwidth) +
           ", bandwidth_per_allocation: " + print_rate(limits.bandwidth_per_allocation) +
           ", bytes: " + print_size(limits.bytes) + ", time: " + print_duration(limits.time) +
           ", every: " + print_duration(limits.every) + "}\n";
  }
  return out;
}

std::string print_certificates(const std::vector<CertificateFiles>& certificates,
                               const std::string& indent) {
  if (certificates.empty()) return " []\n";
  std::string out = "\n";
  for (const auto& [certificate, key] : certificates) {
    out += indent + "- {certificate: " + yaml_quoted(certificate) + ", key: " + yaml_quoted(key) +
           "}\n";
  }
  return out;
}

std::string print_api_keys(const std::map<std::string, ApiKey>& keys, const std::string& indent) {
  if (keys.empty()) return " {}\n";
  std::string out = "\n";
  for (const auto& [name, key] : keys) {
    out += indent + yaml_quoted(name) + ": {sha256: \"" + std::string(kMasked) + "\"";
    if (!key.realm.empty()) out += ", realm: " + yaml_quoted(key.realm);
    if (key.max_ttl > Duration{}) out += ", max_ttl: " + print_duration(key.max_ttl);
    if (!key.credential_class.empty()) out += ", class: " + yaml_quoted(key.credential_class);
    out += "}\n";
  }
  return out;
}

std::string print_realms(const std::map<std::string, RealmConfig, std::less<>>& realms) {
  if (realms.empty()) return " {}\n";
  std::string out = "\n";
  for (const auto& [name, realm] : realms) {
    const RealmLimits& limits = realm.limits;
    out += "  " + yaml_quoted(name) + ":\n    users:" + print_users(realm.users, "      ");
    out += "    secrets: " + print_list(std::vector(realm.secrets.size(), std::string(kMasked))) +
           "\n";
    out += "    oauth:\n      server_name: " + yaml_quoted(realm.oauth.server_name) +
           "\n      keys:" + print_token_keys(realm.oauth.keys, "        ");
    out += "    origins: " + print_list(realm.origins) + "\n";
    out += "    limits: {allocations: " + std::to_string(limits.allocations) +
           ", allocations_per_user: " + std::to_string(limits.allocations_per_user) +
           ", bandwidth: " + print_rate(limits.bandwidth) +
           ", bandwidth_per_user: " + print_rate(limits.bandwidth_per_user) +
           ", bandwidth_per_allocation: " + print_rate(limits.bandwidth_per_allocation) + "}\n";
    out += "    peers: {allow: " + print_list(print_all(realm.peers.allow)) +
           ", deny: " + print_list(print_all(realm.peers.deny)) + "}\n";
  }
  return out;
}

size_t count_common_sections(std::string_view a, std::string_view b) {
  size_t common = 0;
  for (size_t i = 0; i < std::min(a.size(), b.size()) && a[i] == b[i]; ++i) {
    if (a[i] == '.') ++common;
  }
  return common;
}

}  // namespace

std::string print_config(const Config& config) {
  std::string out;
  std::string_view previous;
  for (const ConfigKey& key : config_keys()) {
    // Opens the sections that this path has and the one before had not.
    const size_t common = count_common_sections(previous, key.path);
    std::string_view rest = key.path;
    std::string indent;
    for (size_t level = 0; rest.find('.') != rest.npos; ++level) {
      const size_t dot = rest.find('.');
      if (level >= common) out += indent + std::string(rest.substr(0, dot)) + ":\n";
      rest.remove_prefix(dot + 1);
      indent += "  ";
    }
    previous = key.path;

    out += indent + std::string(rest) + ":";
    if (key.shape == ConfigKey::Shape::users) {
      out += print_users(config.auth.users, indent + "  ");
    } else if (key.shape == ConfigKey::Shape::token_keys) {
      out += print_token_keys(config.auth.oauth.keys, indent + "  ");
    } else if (key.shape == ConfigKey::Shape::classes) {
      out += print_classes(config.quota.classes, indent + "  ");
    } else if (key.shape == ConfigKey::Shape::certificates) {
      out += print_certificates(config.tls.certificates, indent + "  ");
    } else if (key.shape == ConfigKey::Shape::api_keys) {
      out += print_api_keys(config.credentials.keys, indent + "  ");
    } else if (key.shape == ConfigKey::Shape::realms) {
      out += print_realms(config.realms);
    } else if (key.shape == ConfigKey::Shape::listeners) {
      out += " " + print_items(key.print(config)) + "\n";
    } else if (key.shape == ConfigKey::Shape::list || key.shape == ConfigKey::Shape::secrets) {
      out += " " + print_list(key.print(config)) + "\n";
    } else {
      out += " " + yaml_quoted(key.print(config).front()) + "\n";
    }
  }
  return out;
}

}  // namespace uturn
