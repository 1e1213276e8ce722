// Reads YAML text into a tree of settings, within bounds; the only file that knows yaml-cpp.
#pragma once

#include <string>
#include <string_view>

#include "protocol/result.h"
#include "server/setting.h"

namespace uturn {

inline constexpr size_t kMaxYamlBytes = 1024 * 1024;
inline constexpr size_t kMaxYamlDepth = 8;
inline constexpr size_t kMaxYamlNodes = 100'000;

struct YamlError {
  int line = 0;
  std::string sentence;
};

/// One document; an empty one is an empty map. Refused, because a configuration needs none of it
/// and each has surprised somebody: duplicate keys, anchors and aliases, tags, a second document.
Result<Setting, YamlError> parse_yaml(std::string_view text);

}  // namespace uturn
