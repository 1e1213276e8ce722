// MySQL and MariaDB by MariaDB's client library; its timeouts end every wait.
#include <mysql.h>

#include <array>
#include <map>
#include <mutex>

#include "server/directories/backends.h"
#include "server/directories/sql_store.h"

namespace uturn {
namespace {

constexpr size_t kMaxColumns = 8;
constexpr size_t kMaxText = 4'096;  // the longest column of coturn's schema has 512 characters

struct Close {
  void operator()(MYSQL* connection) const { mysql_close(connection); }
  void operator()(MYSQL_STMT* statement) const { mysql_stmt_close(statement); }
};
using Connection = std::unique_ptr<MYSQL, Close>;
using Statement = std::unique_ptr<MYSQL_STMT, Close>;

/// Errors of the client library are numbered from 2000 on: all of them end the connection. Of the
/// server's: shutdown, too many connections, a read-only replica, a lock not had in time.
bool means_gone(unsigned number) {
  return (number >= 2000 && number < 3000) || number == 1040 || number == 1053 || number == 1205 ||
         number == 1290 || number == 1927;
}
StoreError error_of(MYSQL* connection) {
  return {mysql_error(connection), means_gone(mysql_errno(connection))};
}
StoreError error_of(MYSQL_STMT* statement) {
  return {mysql_stmt_error(statement), means_gone(mysql_stmt_errno(statement))};
}

class MysqlConnection final : public SqlConnection {
 public:
  explicit MysqlConnection(Connection connection) : connection_(std::move(connection)) {}
  ~MysqlConnection() override { statements_.clear(); }  // before their connection

  Stored<uint64_t> run(std::string_view statement, SqlParameters parameters,
                       const std::function<void(SqlRow&)>& on_row) override {
    // BEGIN, and what makes tables, cannot be prepared everywhere.
    if (parameters.size() == 0 && !statement.starts_with("SELECT")) return execute(statement);
    Statement& prepared = statements_[statement];
    if (!prepared) {
      prepared.reset(mysql_stmt_init(connection_.get()));
      if (!prepared) return Failure{StoreError{"no memory", true}};
      if (mysql_stmt_prepare(prepared.get(), statement.data(), statement.size()) != 0) {
        const StoreError error = error_of(prepared.get());
        prepared.reset();
        return Failure{error};
      }
    }
    return perform(prepared.get(), parameters, on_row);
  }

  std::string_view tables_statement() const override {
    return "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()";
  }

 private:
  Stored<uint64_t> execute(std::string_view statement) {
    MYSQL* const to = connection_.get();
    if (mysql_real_query(to, statement.data(), statement.size()) != 0) return Failure{error_of(to)};
    return static_cast<uint64_t>(mysql_affected_rows(to));
  }

  static Stored<uint64_t> perform(MYSQL_STMT* statement, SqlParameters parameters,
                                  const std::function<void(SqlRow&)>& on_row) {
    std::array<MYSQL_BIND, kMaxColumns> given{};
    std::array<unsigned long, kMaxColumns> lengths{};
    CHECK(parameters.size() <= kMaxColumns);
    size_t count = 0;
    for (const std::string_view parameter : parameters) {
      lengths[count] = parameter.size();
      given[count].buffer_type = MYSQL_TYPE_STRING;
      given[count].buffer = const_cast<char*>(parameter.data());
      given[count].buffer_length = parameter.size();
      given[count].length = &lengths[count];
      ++count;
    }
    if (count > 0 && mysql_stmt_bind_param(statement, given.data()) != 0) {
      return Failure{error_of(statement)};
    }
    if (mysql_stmt_execute(statement) != 0) return Failure{error_of(statement)};
    const size_t columns = mysql_stmt_field_count(statement);
    if (columns == 0) return static_cast<uint64_t>(mysql_stmt_affected_rows(statement));
    const auto fetched = fetch_all(statement, columns, on_row);
    mysql_stmt_free_result(statement);
    return fetched;
  }

  static Stored<uint64_t> fetch_all(MYSQL_STMT* statement, size_t columns,
                                    const std::function<void(SqlRow&)>& on_row) {
    CHECK(columns <= kMaxColumns);
    std::array<MYSQL_BIND, kMaxColumns> binds{};
    std::array<unsigned long, kMaxColumns> lengths{};
    std::array<my_bool, kMaxColumns> nulls{};
    std::vector<std::array<char, kMaxText>> texts(columns);
    for (size_t i = 0; i < columns; ++i) {
      binds[i].buffer_type = MYSQL_TYPE_STRING;
      binds[i].buffer = texts[i].data();
      binds[i].buffer_length = kMaxText;
      binds[i].length = &lengths[i];
      binds[i].is_null = &nulls[i];
    }
    if (mysql_stmt_bind_result(statement, binds.data()) != 0) return Failure{error_of(statement)};
    if (mysql_stmt_store_result(statement) != 0) return Failure{error_of(statement)};
    int status = mysql_stmt_fetch(statement);
    for (; status == 0 || status == MYSQL_DATA_TRUNCATED; status = mysql_stmt_fetch(statement)) {
      SqlRow row;
      for (size_t i = 0; i < columns; ++i) {
        const size_t size = nulls[i] ? 0 : std::min<size_t>(lengths[i], kMaxText);
        row.emplace_back(texts[i].data(), size);
      }
      on_row(row);
    }
    for (auto& text : texts) OPENSSL_cleanse(text.data(), text.size());
    if (status != MYSQL_NO_DATA) return Failure{error_of(statement)};
    return uint64_t{0};
  }

  Connection connection_;
  std::map<std::string_view, Statement> statements_;
};

}  // namespace

ConnectedStore connect_mysql(const DatabaseUrl& url, const StoreOptions& options) {
  static std::once_flag once;  // mysql_init() would do it too, but not from two threads at once
  std::call_once(once, [] { mysql_server_init(0, nullptr, nullptr); });
  Connection connection(mysql_init(nullptr));
  if (!connection) return Failure{StoreError{"no memory", true}};
  MYSQL* const to = connection.get();

  const auto seconds = static_cast<unsigned>(
      std::max<int64_t>(1, std::chrono::ceil<std::chrono::seconds>(options.timeout).count()));
  mysql_options(to, MYSQL_OPT_CONNECT_TIMEOUT, &seconds);
  mysql_options(to, MYSQL_OPT_READ_TIMEOUT, &seconds);
  mysql_options(to, MYSQL_OPT_WRITE_TIMEOUT, &seconds);
  mysql_options(to, MYSQL_SET_CHARSET_NAME, "utf8mb4");
  const my_bool verifies = url.tls ? 1 : 0;
  if (url.tls) {
    mysql_options(to, MYSQL_OPT_SSL_ENFORCE, &verifies);
    mysql_options(to, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verifies);
    const auto or_none = [](const std::string& text) {
      return text.empty() ? nullptr : text.c_str();
    };
    const char* const system_authorities = "/etc/ssl/certs/ca-certificates.crt";
    mysql_ssl_set(to, or_none(url.key), or_none(url.certificate),
                  url.ca.empty() ? system_authorities : url.ca.c_str(), nullptr, nullptr);
  }
  const MYSQL* const connected =
      mysql_real_connect(to, url.socket.empty() ? url.host.c_str() : nullptr, url.user.c_str(),
                         url.password.reveal().c_str(), url.database.c_str(), url.port,
                         url.socket.empty() ? nullptr : url.socket.c_str(), 0);
  if (connected == nullptr) return Failure{StoreError{error_of(to).said, true}};
  auto spoken = std::make_unique<MysqlConnection>(std::move(connection));
  return std::unique_ptr<CredentialStore>(std::make_unique<SqlStore>(std::move(spoken)));
}

}  // namespace uturn
