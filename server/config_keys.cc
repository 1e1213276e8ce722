// Every key of the configuration, in the order in which they are documented and printed.
#include "server/config_keys.h"

#include <algorithm>

#include "server/config_key_tables.h"
#include "server/config_texts.h"

namespace uturn {
namespace {

/// The part behind the last dot: what people mistype, or put into the wrong section.
std::string_view last_name(std::string_view path) {
  const size_t dot = path.rfind('.');
  return dot == path.npos ? path : path.substr(dot + 1);
}

/// "server", "server.socket_buffer" and "server.socket_buffer.relay" of the last.
std::vector<std::string_view> prefixes_of(std::string_view path) {
  std::vector<std::string_view> prefixes;
  for (size_t dot = path.find('.'); dot != path.npos; dot = path.find('.', dot + 1)) {
    prefixes.push_back(path.substr(0, dot));
  }
  prefixes.push_back(path);
  return prefixes;
}

}  // namespace

std::span<const ConfigKey> config_keys() {
  static const std::vector<ConfigKey> kKeys = [] {
    std::vector<ConfigKey> keys(service_keys().begin(), service_keys().end());
    keys.insert(keys.end(), operation_keys().begin(), operation_keys().end());
    return keys;
  }();
  return kKeys;
}

const ConfigKey* find_config_key(std::string_view path) {
  const auto keys = config_keys();
  const auto found = std::ranges::find(keys, path, &ConfigKey::path);
  return found == keys.end() ? nullptr : &*found;
}

bool is_config_section(std::string_view path) {
  return std::ranges::any_of(config_keys(), [&](const ConfigKey& key) {
    return key.path.size() > path.size() && key.path.starts_with(path) &&
           key.path[path.size()] == '.';
  });
}

std::optional<std::string> nearest_config_key(std::string_view unknown) {
  constexpr size_t kMaxLength = 64;  // of what is worth comparing; the rest is no typing mistake
  if (unknown.size() > kMaxLength) return std::nullopt;
  // A third of the letters may be wrong. The right name in the wrong section is the next guess.
  size_t best = std::max<size_t>(1, last_name(unknown).size() / 3);
  std::optional<std::string> nearest;
  const auto consider = [&](std::string_view candidate, size_t distance) {
    if (distance > best || (nearest && distance == best)) return;
    best = distance;
    nearest = std::string(candidate);
  };
  for (const ConfigKey& key : config_keys()) {
    for (const std::string_view path : prefixes_of(key.path)) {
      consider(path, edit_distance(unknown, path));
    }
  }
  for (const ConfigKey& key : config_keys()) {
    consider(key.path, edit_distance(last_name(unknown), last_name(key.path)) + 1);
  }
  return nearest;
}

std::string print_log_level(LogLevel level) { return print_word(kLogLevelWords, level); }

}  // namespace uturn
