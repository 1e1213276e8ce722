// DatabaseUrl: where a credential database is, and how it is entered.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/result.h"
#include "server/secret.h"

namespace uturn {

enum class DatabaseKind : uint8_t { sqlite, postgresql, mysql, redis };
std::string_view name_of(DatabaseKind kind);  ///< "PostgreSQL"

/// sqlite:///PATH, and postgresql://, mysql://, redis://[USER[:PASSWORD]@]HOST[:PORT][/DATABASE],
/// with parameters behind a "?": socket=PATH (or host=DIRECTORY of PostgreSQL), tls=on with ca=,
/// cert= and key=. Percent-encoded where a character means something else. The forms of coturn's
/// userdb options are read behind the scheme too: "mysql:host=db dbname=turn user=turn password=…".
struct DatabaseUrl {
  DatabaseKind kind = DatabaseKind::sqlite;
  std::string path{};  ///< SQLite: the file
  std::string host{};
  uint16_t port = 0;     ///< 0: what is usual
  std::string socket{};  ///< a Unix socket instead of host and port
  std::string user{};
  Secret password{};
  std::string database{};  ///< of Redis a number
  bool tls = false;        ///< with the server's certificate verified
  std::string ca{};        ///< authorities to believe; empty: the system's
  std::string certificate{};
  std::string key{};
  /// PostgreSQL: whatever else libpq knows, like sslmode.
  std::vector<std::pair<std::string, std::string>> options{};

  /// The error is one sentence and never holds what was found: it may be a password.
  static Result<DatabaseUrl, std::string> parse(std::string_view text);
  /// For people and logs: without password and options.
  std::string to_string() const;
  /// Do keys cross a network that others may listen to?
  bool is_open_to_listeners() const;
};

}  // namespace uturn
