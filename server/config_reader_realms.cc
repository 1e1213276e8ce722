// Reads the further realms.
#include <algorithm>
#include <utility>

#include "auth/origin.h"
#include "auth/realms.h"
#include "server/config_reader.h"
#include "server/config_texts.h"

namespace uturn {

Misread read_realm_origin(std::string_view text, std::vector<std::string>& to) {
  const bool is_origin = text.find("://") != text.npos && text.size() <= kMaxOrigin;
  if (!is_origin || text != printable(text)) {
    return "expected an origin of at most 255 bytes, like https://meet.example.org";
  }
  to.push_back(canonical_origin(text));
  return std::nullopt;
}

std::string nearest_word(std::string_view unknown, std::string_view what,
                         const std::vector<std::string_view>& words) {
  std::string sentence = "unknown key; ";
  std::string_view nearest;
  size_t best = std::max<size_t>(1, unknown.size() / 3) + 1;
  for (const std::string_view word : words) {
    const size_t distance = edit_distance(unknown, word);
    if (distance < best) {
      best = distance;
      nearest = word;
    }
  }
  if (!nearest.empty()) return sentence + "did you mean " + std::string(nearest) + "?";
  sentence += what;
  for (size_t i = 0; i < words.size(); ++i) {
    sentence += i == 0 ? " " : i + 1 == words.size() ? " and " : ", ";
    sentence += words[i];
  }
  return sentence;
}

void ConfigReader::read_realms(const Setting& value) {
  if (value.kind == Setting::Kind::nothing) return;
  if (value.kind != Setting::Kind::map) {
    refuse("realms", value, "expected a map, like {example.com: {secrets: [\"...\"]}}");
    return;
  }
  if (value.entries.size() >= Realms::kMost) {  // the default is one of them
    refuse("realms", value, "more than " + std::to_string(Realms::kMost - 1) + " realms");
    return;
  }
  config_.realms.clear();
  for (const auto& [name, realm] : value.entries) read_further_realm(name, realm);
}

void ConfigReader::read_further_realm(const std::string& name, const Setting& value) {
  std::string prepared;
  if (const auto misread = read_realm(name, prepared)) {
    refuse("realms", value, *misread);
    return;
  }
  const std::string path = "realms." + name;
  if (value.kind != Setting::Kind::map && value.kind != Setting::Kind::nothing) {
    refuse(path, value, "expected a map of its keys");
    return;
  }
  RealmConfig realm;
  for (const auto& [part, given] : value.entries) {
    const std::string at = path + "." + part;
    if (part == "users") {
      read_users(at, given, realm.users);
    } else if (part == "secrets") {
      read_secrets(at, given, realm.secrets, realm.secret_classes);
    } else if (part == "oauth") {
      read_realm_oauth(at, given, realm.oauth);
    } else if (part == "origins") {
      read_items(at, given, read_realm_origin, realm.origins);
    } else if (part == "limits") {
      read_realm_limits(at, given, realm.limits);
    } else if (part == "peers") {
      read_realm_peers(at, given, realm.peers);
    } else {
      refuse(at, given,
             nearest_word(part, "a realm has",
                          {"users", "secrets", "oauth", "origins", "limits", "peers"}));
    }
  }
  if (!config_.realms.insert_or_assign(prepared, std::move(realm)).second) {
    refuse("realms", value, printable(name) + " is the same name as another once prepared");
  }
}

void ConfigReader::read_realm_limits(const std::string& path, const Setting& value,
                                     RealmLimits& to) {
  if (value.kind != Setting::Kind::map) {
    refuse(path, value, "expected a map of its keys");
    return;
  }
  for (const auto& [part, given] : value.entries) {
    const std::string at = path + "." + part;
    const auto text = expand(at, given);
    if (!text) continue;
    Misread misread;
    if (part == "allocations") {
      misread = read_count(*text, to.allocations, 0, UINT32_MAX);
    } else if (part == "allocations_per_user") {
      misread = read_count(*text, to.allocations_per_user, 0, UINT32_MAX);
    } else if (part == "bandwidth") {
      misread = read_rate(*text, to.bandwidth);
    } else if (part == "bandwidth_per_user") {
      misread = read_rate(*text, to.bandwidth_per_user);
    } else if (part == "bandwidth_per_allocation") {
      misread = read_rate(*text, to.bandwidth_per_allocation);
    } else {
      misread = nearest_word(part, "the limits of a realm are",
                             {"allocations", "allocations_per_user", "bandwidth",
                              "bandwidth_per_user", "bandwidth_per_allocation"});
    }
    if (misread) refuse(at, given, *misread);
  }
}

void ConfigReader::read_realm_oauth(const std::string& path, const Setting& value,
                                    OauthConfig& to) {
  if (value.kind != Setting::Kind::map) {
    refuse(path, value, "expected a map of its keys");
    return;
  }
  for (const auto& [part, given] : value.entries) {
    const std::string at = path + "." + part;
    if (part == "keys") {
      read_token_keys(at, given, to.keys);
    } else if (part == "server_name") {
      const auto text = expand(at, given);
      if (!text) continue;
      if (const auto misread = read_server_name(*text, to.server_name)) refuse(at, given, *misread);
    } else {
      refuse(at, given, nearest_word(part, "oauth has", {"server_name", "keys"}));
    }
  }
}

void ConfigReader::read_realm_peers(const std::string& path, const Setting& value, PeerConfig& to) {
  if (value.kind != Setting::Kind::map) {
    refuse(path, value, "expected a map of its keys");
    return;
  }
  for (const auto& [part, given] : value.entries) {
    if (part == "allow" || part == "deny") {
      read_items(path + "." + part, given, read_range, part == "allow" ? to.allow : to.deny);
    } else {
      refuse(path + "." + part, given, nearest_word(part, "peers are", {"allow", "deny"}));
    }
  }
}

template <class T>
void ConfigReader::read_items(const std::string& path, const Setting& value,
                              Misread (*read)(std::string_view, std::vector<T>&),
                              std::vector<T>& to) {
  if (value.kind != Setting::Kind::list) {
    refuse(path, value, "expected a list, like [a, b]");
    return;
  }
  for (size_t i = 0; i < value.items.size(); ++i) {
    const std::string at = path + "[" + std::to_string(i + 1) + "]";
    const auto text = expand(at, value.items[i]);
    if (!text) continue;
    if (const auto misread = read(*text, to)) refuse(at, value.items[i], *misread);
  }
}

}  // namespace uturn
