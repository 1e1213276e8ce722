// PostgreSQL by libpq: never blocking inside it, so that every wait has an end.
#include <libpq-fe.h>
#include <poll.h>

#include <cstring>
#include <map>

#include "io/clock.h"
#include "server/directories/backends.h"
#include "server/directories/sql_store.h"

namespace uturn {
namespace {

struct Finish {
  void operator()(PGconn* connection) const { PQfinish(connection); }
};
struct Clear {
  void operator()(PGresult* result) const { PQclear(result); }
};
using Connection = std::unique_ptr<PGconn, Finish>;
using QueryResult = std::unique_ptr<PGresult, Clear>;

std::string first_line(const char* text) {
  std::string line(text);
  line.resize(std::min(line.find('\n'), line.size()));
  return line;
}

StoreError gone(PGconn* connection) { return {first_line(PQerrorMessage(connection)), true}; }

class Deadline {
 public:
  explicit Deadline(Duration timeout) : at_(clock_.monotonic() + timeout) {}
  /// Until the socket can do this; false when time is up.
  bool wait(PGconn* connection, short events) const {
    pollfd wanted{PQsocket(connection), events, 0};
    for (;;) {
      const auto left =
          std::chrono::ceil<std::chrono::milliseconds>(at_ - clock_.monotonic()).count();
      const int ready = ::poll(&wanted, 1, static_cast<int>(std::max<int64_t>(left, 0)));
      if (ready > 0) return true;
      if (ready == 0 || errno != EINTR) return false;
    }
  }

 private:
  Clock clock_;
  Instant at_;
};

const char* const kAuthorities = "/etc/ssl/certs/ca-certificates.crt";
const StoreError kTooSlow{"no answer in time", true};

/// "a = ? AND b = ?" is "a = $1 AND b = $2" here.
std::string with_numbers(std::string_view statement) {
  std::string out;
  int number = 0;
  for (const char c : statement) {
    if (c == '?') {
      out += "$" + std::to_string(++number);
    } else {
      out += c;
    }
  }
  return out;
}

class PostgresqlConnection final : public SqlConnection {
 public:
  PostgresqlConnection(Connection connection, Duration timeout)
      : connection_(std::move(connection)), timeout_(timeout) {}

  Stored<uint64_t> run(std::string_view statement, SqlParameters parameters,
                       const std::function<void(SqlRow&)>& on_row) override {
    PGconn* const to = connection_.get();
    const Deadline deadline(timeout_);
    auto prepared = names_.find(statement);
    if (prepared == names_.end()) {
      const std::string name = "uturn" + std::to_string(names_.size());
      if (PQsendPrepare(to, name.c_str(), with_numbers(statement).c_str(), 0, nullptr) != 1) {
        return Failure{gone(to)};
      }
      if (auto result = receive(deadline); !result) return Failure{result.error()};
      prepared = names_.emplace(statement, name).first;
    }
    std::vector<std::string> texts(parameters.begin(), parameters.end());
    std::vector<const char*> values;
    for (const std::string& text : texts) values.push_back(text.c_str());
    const int sent =
        PQsendQueryPrepared(to, prepared->second.c_str(), static_cast<int>(values.size()),
                            values.data(), nullptr, nullptr, 0);
    for (std::string& text : texts) OPENSSL_cleanse(text.data(), text.size());
    if (sent != 1) return Failure{gone(to)};
    auto result = receive(deadline);
    if (!result) return Failure{result.error()};
    for (int row = 0; row < PQntuples(result->get()); ++row) {
      SqlRow texts_of_row;
      for (int column = 0; column < PQnfields(result->get()); ++column) {
        texts_of_row.emplace_back(PQgetvalue(result->get(), row, column),
                                  static_cast<size_t>(PQgetlength(result->get(), row, column)));
      }
      on_row(texts_of_row);
    }
    return static_cast<uint64_t>(std::strtoull(PQcmdTuples(result->get()), nullptr, 10));
  }

  std::string_view tables_statement() const override {
    return "SELECT table_name::text FROM information_schema.tables "
           "WHERE table_schema = ANY (current_schemas(false))";
  }

 private:
  /// The one result of what was sent.
  Stored<QueryResult> receive(const Deadline& deadline) {
    PGconn* const from = connection_.get();
    for (;;) {
      const int unsent = PQflush(from);
      if (unsent < 0) return Failure{gone(from)};
      if (unsent > 0) {
        if (!deadline.wait(from, POLLOUT | POLLIN)) return Failure{kTooSlow};
        if (PQconsumeInput(from) != 1) return Failure{gone(from)};
        continue;
      }
      if (PQisBusy(from) == 0) break;
      if (!deadline.wait(from, POLLIN)) return Failure{kTooSlow};
      if (PQconsumeInput(from) != 1) return Failure{gone(from)};
    }
    QueryResult first(PQgetResult(from));
    for (;;) {  // each query ends with no result
      while (PQisBusy(from) == 1) {
        if (!deadline.wait(from, POLLIN)) return Failure{kTooSlow};
        if (PQconsumeInput(from) != 1) return Failure{gone(from)};
      }
      const QueryResult next(PQgetResult(from));
      if (!next) break;
    }
    const ExecStatusType status = PQresultStatus(first.get());
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) return first;
    if (PQstatus(from) != CONNECTION_OK) return Failure{gone(from)};
    const char* state = PQresultErrorField(first.get(), PG_DIAG_SQLSTATE);
    // 57P: the server shuts down or starts; 53: it lacks resources; 25: a transaction that is over.
    const std::string_view code = state == nullptr ? "" : state;
    const bool is_gone = code.starts_with("57") || code.starts_with("53") || code.starts_with("25");
    return Failure{StoreError{first_line(PQresultErrorMessage(first.get())), is_gone}};
  }

  Connection connection_;
  Duration timeout_;
  std::map<std::string_view, std::string> names_;  ///< of prepared statements
};

}  // namespace

ConnectedStore connect_postgresql(const DatabaseUrl& url, const StoreOptions& options) {
  std::vector<std::pair<const char*, std::string>> settings;
  settings.emplace_back("host", url.socket.empty() ? url.host : url.socket);
  if (url.port != 0) settings.emplace_back("port", std::to_string(url.port));
  if (!url.user.empty()) settings.emplace_back("user", url.user);
  if (!url.password.empty()) settings.emplace_back("password", url.password.reveal());
  settings.emplace_back("dbname", url.database);
  settings.emplace_back("client_encoding", "UTF8");
  settings.emplace_back("fallback_application_name", "uturn");
  if (url.tls) settings.emplace_back("sslmode", "verify-full");
  if (url.tls) settings.emplace_back("sslrootcert", url.ca.empty() ? kAuthorities : url.ca);
  // Else libpq looks into the home of whoever started us, which we may not enter any more.
  settings.emplace_back("sslcert", url.certificate.empty() ? "/nonexistent" : url.certificate);
  if (!url.key.empty()) settings.emplace_back("sslkey", url.key);
  for (const auto& [name, value] : url.options) settings.emplace_back(name.c_str(), value);
  std::vector<const char*> names;
  std::vector<const char*> values;
  for (const auto& [name, value] : settings) {
    names.push_back(name);
    values.push_back(value.c_str());
  }
  names.push_back(nullptr);
  values.push_back(nullptr);

  const Deadline deadline(options.timeout);
  Connection connection(PQconnectStartParams(names.data(), values.data(), 0));
  for (auto& [name, value] : settings) OPENSSL_cleanse(value.data(), value.size());
  if (!connection) return Failure{StoreError{"no memory", true}};
  if (PQstatus(connection.get()) == CONNECTION_BAD) return Failure{gone(connection.get())};
  for (auto next = PGRES_POLLING_WRITING; next != PGRES_POLLING_OK;) {
    const short events = next == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    if (!deadline.wait(connection.get(), events)) return Failure{kTooSlow};
    next = PQconnectPoll(connection.get());
    if (next == PGRES_POLLING_FAILED) return Failure{gone(connection.get())};
  }
  PQsetnonblocking(connection.get(), 1);
  PQsetNoticeProcessor(connection.get(), [](void*, const char*) {}, nullptr);
  auto spoken = std::make_unique<PostgresqlConnection>(std::move(connection), options.timeout);
  return std::unique_ptr<CredentialStore>(std::make_unique<SqlStore>(std::move(spoken)));
}

}  // namespace uturn
