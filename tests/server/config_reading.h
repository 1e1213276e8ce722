// Reads YAML or a flag the way the server does, with an environment and files of the test's own.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "server/config_reader.h"
#include "server/config_yaml.h"

namespace uturn {

struct ReadConfig {
  Config config;
  std::vector<std::string> problems;  ///< as they are printed
  std::vector<std::string> used;
};

class ConfigReading {
 public:
  std::map<std::string, std::string> environment;
  std::map<std::string, std::string> files;

  ReadConfig yaml(const std::string& text) const {
    return read([&](ConfigReader& reader) { read_config_yaml(text, "uturn.yaml", reader); });
  }
  ReadConfig flag(const std::string& path, const std::string& value,
                  const std::string& flag) const {
    return read(
        [&](ConfigReader& reader) { reader.read_flag(path, Setting::of_text(value), flag); });
  }

  ValueSources sources() const {
    return {[this](const std::string& name) -> std::optional<std::string> {
              const auto found = environment.find(name);
              if (found == environment.end()) return std::nullopt;
              return found->second;
            },
            [this](const std::string& path) -> Result<std::string, std::string> {
              const auto found = files.find(path);
              if (found == files.end()) return Failure{path + " cannot be read: no such file"};
              return found->second;
            }};
  }

 private:
  template <class Body>
  ReadConfig read(Body body) const {
    ReadConfig result;
    const ValueSources sources = this->sources();
    ConfigReader reader(result.config, sources);
    body(reader);
    for (const ConfigProblem& problem : reader.problems()) {
      result.problems.push_back(problem.to_string());
    }
    result.used = reader.used();
    return result;
  }
};

inline ReadConfig read_yaml(const std::string& text) { return ConfigReading{}.yaml(text); }

/// The only problem, or all of them for the failure's message.
inline std::string problem_of(const ReadConfig& read) {
  std::string all;
  for (const std::string& problem : read.problems) all += (all.empty() ? "" : "\n") + problem;
  return all;
}

}  // namespace uturn
