// SQLite: a file, coturn's turndb or our own.
#include <sqlite3.h>
#include <sys/stat.h>

#include <map>

#include "server/directories/backends.h"
#include "server/directories/sql_store.h"

namespace uturn {
namespace {

struct CloseDatabase {
  void operator()(sqlite3* database) const { sqlite3_close_v2(database); }
};
struct FinalizeStatement {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Database = std::unique_ptr<sqlite3, CloseDatabase>;
using Statement = std::unique_ptr<sqlite3_stmt, FinalizeStatement>;

bool means_gone(int code) {
  switch (code & 0xFF) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_IOERR:
    case SQLITE_CORRUPT:
    case SQLITE_CANTOPEN:
    case SQLITE_NOTADB:
      return true;
    default:
      return false;
  }
}

StoreError error_of(sqlite3* database, int code) {
  return {database == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(database), means_gone(code)};
}

class SqliteConnection final : public SqlConnection {
 public:
  SqliteConnection(Database database, std::string path, const struct stat& file)
      : database_(std::move(database)), path_(std::move(path)), file_(file) {}

  Stored<uint64_t> run(std::string_view statement, SqlParameters parameters,
                       const std::function<void(SqlRow&)>& on_row) override {
    // A file that was replaced goes on being read otherwise, for ever.
    struct stat now{};
    if (::stat(path_.c_str(), &now) != 0 || now.st_ino != file_.st_ino ||
        now.st_dev != file_.st_dev) {
      return Failure{StoreError{"the file is gone, or another one", true}};
    }
    Statement& prepared = statements_[statement];
    if (!prepared) {
      sqlite3_stmt* made = nullptr;
      const int code =
          sqlite3_prepare_v3(database_.get(), statement.data(), static_cast<int>(statement.size()),
                             SQLITE_PREPARE_PERSISTENT, &made, nullptr);
      prepared.reset(made);
      if (code != SQLITE_OK) return Failure{error_of(database_.get(), code)};
    }
    sqlite3_stmt* const at = prepared.get();
    int index = 0;
    for (const std::string_view parameter : parameters) {
      sqlite3_bind_text(at, ++index, parameter.data(), static_cast<int>(parameter.size()),
                        SQLITE_STATIC);
    }
    int code = sqlite3_step(at);
    for (; code == SQLITE_ROW; code = sqlite3_step(at)) {
      SqlRow row;
      for (int i = 0; i < sqlite3_column_count(at); ++i) {
        const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(at, i));
        row.emplace_back(text == nullptr ? "" : text,
                         static_cast<size_t>(text == nullptr ? 0 : sqlite3_column_bytes(at, i)));
      }
      on_row(row);
    }
    const StoreError error = error_of(database_.get(), code);
    sqlite3_reset(at);
    sqlite3_clear_bindings(at);
    if (code != SQLITE_DONE) return Failure{error};
    return static_cast<uint64_t>(sqlite3_changes(database_.get()));
  }

  std::string_view tables_statement() const override {
    return "SELECT name FROM sqlite_master WHERE type = 'table'";
  }

 private:
  Database database_;
  std::string path_;
  struct stat file_;
  std::map<std::string_view, Statement> statements_;
};

}  // namespace

ConnectedStore connect_sqlite(const DatabaseUrl& url, const StoreOptions& options) {
  sqlite3* opened = nullptr;
  const int flags = (options.may_write ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY) |
                    (options.may_create ? SQLITE_OPEN_CREATE : 0) | SQLITE_OPEN_NOMUTEX;
  const int code = sqlite3_open_v2(url.path.c_str(), &opened, flags, nullptr);
  Database database(opened);
  if (code != SQLITE_OK) return Failure{StoreError{error_of(opened, code).said, true}};
  const auto timeout = std::chrono::duration_cast<std::chrono::milliseconds>(options.timeout);
  sqlite3_busy_timeout(opened, static_cast<int>(timeout.count()));
  struct stat file{};
  if (::stat(url.path.c_str(), &file) != 0) {
    return Failure{StoreError{"the file is not there", true}};
  }
  auto connection = std::make_unique<SqliteConnection>(std::move(database), url.path, file);
  return std::unique_ptr<CredentialStore>(std::make_unique<SqlStore>(std::move(connection)));
}

}  // namespace uturn
