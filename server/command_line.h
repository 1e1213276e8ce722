// The command line: which command, its arguments, the exit status.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "client/tools/bench/options.h"
#include "client/tools/probe.h"
#include "protocol/result.h"
#include "server/admin/admin_commands.h"
#include "server/config.h"
#include "server/external_address.h"
#include "server/value_sources.h"

namespace uturn {

inline constexpr int kExitSuccess = 0;
inline constexpr int kExitFailure = 1;  ///< what only running shows: an address in use
inline constexpr int kExitUsage = 2;    ///< usage, and whatever `check` would reject

/// What the commands call, so that this file can be tested without sockets.
struct CommandActions {
  int (*serve)(const Config& config);
  int (*probe)(const ProbeOptions& options, std::ostream& out, std::ostream& err);
  Result<Detected, std::string> (*detect)(const DetectWish& wish, std::vector<std::string>& asked);
  int (*bench)(const BenchOptions& options, std::ostream& out, std::ostream& err);
  AskAdmin ask_admin = nullptr;
  int (*top)(const AdminCommandOptions& options, AskAdmin ask, std::ostream& err) = nullptr;
};

/// `arguments` without the program's name. Returns the exit status.
int run_command_line(const std::vector<std::string>& arguments, const CommandActions& actions,
                     const ValueSources& sources, std::ostream& out, std::ostream& err);

}  // namespace uturn
