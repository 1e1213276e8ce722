// ConfigProblem: one sentence about what is wrong, and where it was said.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace uturn {

struct ConfigProblem {
  std::string
      where;  ///< "/etc/uturn.yaml:12" or "--relay-ports"; empty: the configuration as a whole
  std::string key;  ///< full path; empty where the flag's name says it all
  std::string sentence;

  /// "/etc/uturn.yaml:12: relay.ports: expected ports MIN-MAX ..."
  std::string to_string() const;
};
using ConfigProblems = std::vector<ConfigProblem>;

/// What somebody else wrote, fit for a line of ours: no control characters, not endless.
std::string printable(std::string_view text);

}  // namespace uturn
