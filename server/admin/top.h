// `uturn top`: a live view of a running server in a terminal.
#pragma once

#include <iosfwd>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "server/admin/admin_commands.h"

namespace uturn {

/// What the view shows, from one look to the next: rates are differences.
class TopView {
 public:
  /// A look: both answers of the API, `seconds` after the one before.
  void look(const nlohmann::ordered_json& status, const nlohmann::ordered_json& sessions,
            double seconds);
  /// A screen of this size: lines end in CR LF, none is wider than the screen.
  std::string screen(int columns, int rows) const;

 private:
  struct Row {
    nlohmann::ordered_json session;
    double rate = 0;  ///< bytes a second, both ways
  };
  nlohmann::ordered_json status_;
  std::vector<Row> rows_;
  double to_peers_ = 0, to_clients_ = 0, packets_ = 0;  ///< a second
  std::map<std::string, double> bytes_of_;              ///< by session, at the last look
  double last_to_peers_ = 0, last_to_clients_ = 0, last_packets_ = 0;
  bool has_looked_ = false;
};

/// Runs until q, Ctrl-C or SIGTERM; the terminal is afterwards as it was. Exit status 0; 1 where no
/// server answers, at first or any more; 2 where this is no terminal.
int run_top(const AdminCommandOptions& options, AskAdmin ask, std::ostream& err);

}  // namespace uturn
