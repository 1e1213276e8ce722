// Setting: what a YAML file or a flag said, before anybody knows what it means.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace uturn {

/// A node of the tree: a text, a list or a map, and the line it stands on (0: a flag said it).
struct Setting {
  enum class Kind : uint8_t { nothing, text, list, map };
  struct Entry;

  Kind kind = Kind::nothing;
  int line = 0;
  std::string text;
  std::vector<Setting> items;  ///< of a list
  std::vector<Entry> entries;  ///< of a map, in order, names unique

  static Setting of_text(std::string text);
  static Setting of_list(const std::vector<std::string>& texts);
};

struct Setting::Entry {
  std::string name;
  Setting value;
};

inline Setting Setting::of_text(std::string text) {
  Setting setting;
  setting.kind = Kind::text;
  setting.text = std::move(text);
  return setting;
}

inline Setting Setting::of_list(const std::vector<std::string>& texts) {
  Setting setting;
  setting.kind = Kind::list;
  for (const std::string& text : texts) setting.items.push_back(of_text(text));
  return setting;
}

}  // namespace uturn
