// The commands that talk to a running server: status, sessions, kick, drain, reload, log-level.
#pragma once

#include <CLI/CLI.hpp>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/result.h"
#include "server/admin/admin_client.h"

namespace uturn {

/// How the server is asked: ask_admin(), or a test.
using AskAdmin = Result<AdminAnswer, std::string> (*)(const std::string& socket_path,
                                                      std::string_view method,
                                                      std::string_view target,
                                                      std::string_view body, Duration patience);

struct AdminCommandOptions {
  std::string socket;  ///< empty: where it usually is
  bool json = false;
  // sessions, kick
  std::string user, realm, client, min_age, min_idle, cursor;
  std::vector<std::string> ids;
  uint32_t limit = 0;  ///< 0: the API's own
  bool all = false;
  // drain
  std::string deadline;
  bool cancel = false;
  bool wait = false;
  // log-level
  std::vector<std::string> levels;  ///< none, LEVEL, COMPONENT, or COMPONENT LEVEL
  // top
  uint32_t interval = 1;  ///< seconds
};

/// Declares what the command of this name takes.
void add_admin_arguments(std::string_view command, CLI::App& app, AdminCommandOptions& options);

/// Exit status 0, or 1 where no server answers or it says no; then `err` says why.
int run_admin_command(std::string_view command, const AdminCommandOptions& options, AskAdmin ask,
                      std::ostream& out, std::ostream& err);

}  // namespace uturn
