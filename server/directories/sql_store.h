// SqlStore: the credential store of coturn's SQL schema, over any connection that speaks SQL.
#pragma once

#include <functional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/directories/credential_store.h"

namespace uturn {

using SqlRow = std::vector<std::string>;  ///< NULL is empty
using SqlParameters = std::initializer_list<std::string_view>;

/// One connection. Statements with parameters are prepared once; each "?" is a parameter, and no
/// value ever becomes part of a statement.
class SqlConnection {
 public:
  virtual ~SqlConnection() = default;
  /// `statement`: a literal. Answers how many rows were changed.
  virtual Stored<uint64_t> run(std::string_view statement, SqlParameters parameters,
                               const std::function<void(SqlRow&)>& on_row) = 0;
  /// A statement that names the tables of this database, one each row.
  virtual std::string_view tables_statement() const = 0;
};

class SqlStore final : public CredentialStore {
 public:
  explicit SqlStore(std::unique_ptr<SqlConnection> connection)
      : connection_(std::move(connection)) {}

  Stored<std::optional<StoredKeys>> find_user(std::string_view realm,
                                              std::string_view name) override;
  Stored<StoredSettings> read_settings() override;
  Stored<bool> has_sha256_of_all(std::string_view realm) override;

  Stored<Done> prepare() override;
  Stored<Done> put_user(std::string_view realm, std::string_view name,
                        const StoredKeys& keys) override;
  Stored<bool> remove_user(std::string_view realm, std::string_view name) override;
  Stored<std::vector<ListedUser>> list_users(std::string_view realm) override;
  Stored<Done> add_secret(std::string_view realm, const Secret& secret) override;
  Stored<bool> remove_secret(std::string_view realm, const Secret& secret) override;
  Stored<std::vector<Secret>> list_secrets(std::string_view realm) override;

 private:
  using OnRow = std::function<void(SqlRow&)>;
  Stored<Done> learn_tables();
  bool has(std::string_view table) const { return tables_.contains(std::string(table)); }
  /// Nothing happens where the table is not there: older databases of coturn lack some.
  Stored<Done> read(std::string_view table, std::string_view statement, const OnRow& on_row);
  Stored<Done> read_peers(bool is_allowed, StoredSettings& settings);
  Stored<Done> transact(const std::function<Stored<Done>()>& body);
  Stored<uint64_t> change(std::string_view statement, SqlParameters parameters);

  std::unique_ptr<SqlConnection> connection_;
  std::set<std::string> tables_;
  bool knows_tables_ = false;
};

}  // namespace uturn
