// Reload: what differs between two configurations, and what of it a running server can take over.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/config.h"
#include "server/config_problem.h"
#include "server/value_sources.h"

namespace uturn {

struct ConfigChange {
  std::string key;
  std::string from;  ///< as `check` prints it; secrets are masked
  std::string to;
  bool needs_restart = false;  ///< it is as it was until then
};

/// In the order of the table of keys.
std::vector<ConfigChange> find_changes(const Config& from, const Config& to);

/// Settings of sockets, threads and places that are fixed once a server runs: listeners, workers,
/// and what they were made with.
bool needs_restart(std::string_view key);

/// The configuration that this server's command line would give it today: its file, flags and
/// values read again. What only the start could find out is taken from `running`.
struct ReadAgain {
  Config config;
  ConfigProblems problems;  ///< why it is not served, in which case `config` is none
};
ReadAgain read_again(const Config& running, const ValueSources& sources);

/// `to` with everything that needs a restart as it is in `from`.
Config with_fixed_parts(const Config& from, Config to);

}  // namespace uturn
