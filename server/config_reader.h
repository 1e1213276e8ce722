// ConfigReader: puts settings, from a file or from flags, over a Config and collects what is wrong.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/config.h"
#include "server/config_keys.h"
#include "server/config_problem.h"
#include "server/setting.h"
#include "server/value_sources.h"

namespace uturn {

class ConfigReader {
 public:
  ConfigReader(Config& config, const ValueSources& sources) : config_(config), sources_(sources) {}

  /// The tree of a whole file. Reads on after a problem, so that one run shows them all.
  void read_file(const Setting& root, std::string_view file_name);
  /// One key, said by a flag.
  void read_flag(std::string_view path, const Setting& value, std::string_view flag);
  void add_problem(ConfigProblem problem);

  const ConfigProblems& problems() const { return problems_; }
  /// The paths that were read well, in order.
  const std::vector<std::string>& used() const { return used_; }

 private:
  static constexpr size_t kMaxProblems = 100;

  void read_section(const std::string& path, const Setting& section);
  void read(const std::string& path, const Setting& value);
  void read_key(const ConfigKey& key, const Setting& value);
  void read_text(const ConfigKey& key, const std::string& path, const Setting& value);
  void read_list(const ConfigKey& key, const Setting& value);
  void read_listeners(const ConfigKey& key, const Setting& value);
  void read_users(const std::string& path, const Setting& value,
                  std::map<std::string, StaticUser>& to);
  void read_user(const std::string& users, const std::string& name, const Setting& value,
                 std::map<std::string, StaticUser>& to);
  void read_secrets(const std::string& path, const Setting& value, std::vector<Secret>& to,
                    std::vector<std::string>& classes);
  void read_secret(const std::string& path, const Setting& value, std::vector<Secret>& to);
  void read_token_keys(const std::string& path, const Setting& value, std::vector<TokenKey>& to);
  void read_token_key(const std::string& path, const Setting& value, std::vector<TokenKey>& to);
  void read_classes(const Setting& value);
  void read_class(const std::string& name, const Setting& value);
  void read_certificates(const Setting& value);
  void read_api_keys(const Setting& value);
  void read_api_key(const std::string& name, const Setting& value);
  void read_certificate(const std::string& path, const Setting& value);
  // config_reader_realms.cc
  void read_realms(const Setting& value);
  void read_further_realm(const std::string& name, const Setting& value);
  void read_realm_limits(const std::string& path, const Setting& value, RealmLimits& to);
  void read_realm_oauth(const std::string& path, const Setting& value, OauthConfig& to);
  void read_realm_peers(const std::string& path, const Setting& value, PeerConfig& to);
  template <class T>
  void read_items(const std::string& path, const Setting& value,
                  Misread (*read)(std::string_view, std::vector<T>&), std::vector<T>& to);
  std::optional<std::string> expand(const std::string& path, const Setting& value);
  void refuse(const std::string& path, const Setting& value, std::string sentence);
  void refuse_unknown(const std::string& path, const Setting& value);

  Config& config_;
  const ValueSources& sources_;
  std::string origin_;
  bool from_flag_ = false;
  ConfigProblems problems_;
  std::vector<std::string> used_;
};

}  // namespace uturn
