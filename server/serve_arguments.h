// The arguments of `uturn serve`: a file and flags, read into one Config.
#pragma once

#include <CLI/CLI.hpp>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "server/config.h"
#include "server/config_reader.h"
#include "server/external_address.h"

namespace uturn {

/// Declares the options on a CLI::App, and after its parse() puts them over a Config.
class ServeArguments {
 public:
  explicit ServeArguments(CLI::App& app);

  /// The file first, then the flags, then --set. A repeatable flag replaces the file's whole list.
  void read_into(Config& config, ConfigReader& reader) const;
  const std::optional<DetectWish>& detect_wish() const { return detect_wish_; }
  bool parse_detect_wish();  ///< false where --detect-external says nothing known

 private:
  void read_users(ConfigReader& reader) const;
  void read_settings(ConfigReader& reader) const;

  std::string file_;
  std::map<std::string, std::vector<std::string>> texts_;  ///< by flag
  std::vector<std::string> users_;
  std::vector<std::string> settings_;
  bool no_auth_ = false;
  std::string ready_file_;
  std::string detect_;
  std::optional<DetectWish> detect_wish_;
};

}  // namespace uturn
