// The statements of coturn's schema, and of the one table that is ours.
#include "server/directories/sql_store.h"

#include <charconv>

namespace uturn {
namespace {

constexpr std::string_view kUsers = "turnusers_lt";
constexpr std::string_view kSecrets = "turn_secret";
// Ours. A row counts only beside the MD5 key it was made with, so that a password that turnadmin
// changes later leaves no SHA-256 key of the old one behind.
constexpr std::string_view kSha256Keys = "uturn_sha256_key";

// The first seven as coturn's schema.sql has them.
constexpr std::pair<std::string_view, std::string_view> kTables[] = {
    {kUsers,
     "CREATE TABLE turnusers_lt (realm varchar(127) DEFAULT '', name varchar(512), "
     "hmackey char(128), PRIMARY KEY (realm,name))"},
    {kSecrets,
     "CREATE TABLE turn_secret (realm varchar(127) DEFAULT '', value varchar(256), "
     "PRIMARY KEY (realm,value))"},
    {"allowed_peer_ip",
     "CREATE TABLE allowed_peer_ip (realm varchar(127) DEFAULT '', ip_range varchar(256), "
     "PRIMARY KEY (realm,ip_range))"},
    {"denied_peer_ip",
     "CREATE TABLE denied_peer_ip (realm varchar(127) DEFAULT '', ip_range varchar(256), "
     "PRIMARY KEY (realm,ip_range))"},
    {"turn_origin_to_realm",
     "CREATE TABLE turn_origin_to_realm (origin varchar(127), realm varchar(127), "
     "PRIMARY KEY (origin))"},
    {"turn_realm_option",
     "CREATE TABLE turn_realm_option (realm varchar(127) DEFAULT '', opt varchar(32), "
     "value varchar(128), PRIMARY KEY (realm,opt))"},
    {"oauth_key",
     "CREATE TABLE oauth_key (kid varchar(128), ikm_key varchar(256), timestamp bigint DEFAULT 0, "
     "lifetime integer DEFAULT 0, as_rs_alg varchar(64) DEFAULT '', realm varchar(127), "
     "PRIMARY KEY (kid))"},
    {kSha256Keys,
     "CREATE TABLE uturn_sha256_key (realm varchar(127) DEFAULT '', name varchar(512), "
     "hmackey char(128), sha256key char(64), PRIMARY KEY (realm,name))"},
};

constexpr std::string_view kFindUser =
    "SELECT hmackey FROM turnusers_lt WHERE realm = ? AND name = ?";
constexpr std::string_view kFindUserWithSha256 =
    "SELECT u.hmackey, s.sha256key FROM turnusers_lt u LEFT JOIN uturn_sha256_key s "
    "ON s.realm = u.realm AND s.name = u.name AND s.hmackey = u.hmackey "
    "WHERE u.realm = ? AND u.name = ?";
constexpr std::string_view kFindMd5Only =
    "SELECT u.name FROM turnusers_lt u LEFT JOIN uturn_sha256_key s "
    "ON s.realm = u.realm AND s.name = u.name AND s.hmackey = u.hmackey "
    "WHERE u.realm = ? AND s.sha256key IS NULL LIMIT 1";
constexpr std::string_view kFindAnyUser = "SELECT name FROM turnusers_lt WHERE realm = ? LIMIT 1";

/// char(128) comes padded with blanks from PostgreSQL.
std::string_view without_padding(std::string_view text) {
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

uint64_t number_of(std::string_view text) {
  uint64_t number = 0;
  std::from_chars(text.begin(), text.end(), number);
  return number;
}

const std::function<void(SqlRow&)> kNoRows = [](SqlRow&) {};

}  // namespace

Stored<Done> SqlStore::learn_tables() {
  std::set<std::string> tables;
  const auto ran = connection_->run(connection_->tables_statement(), {},
                                    [&](SqlRow& row) { tables.insert(row[0]); });
  if (!ran) return Failure{ran.error()};
  tables_ = std::move(tables);
  knows_tables_ = true;
  return Done{};
}

Stored<std::optional<StoredKeys>> SqlStore::find_user(std::string_view realm,
                                                      std::string_view name) {
  // Somebody may have made them meanwhile.
  if (!knows_tables_ || !has(kUsers)) {
    if (auto learned = learn_tables(); !learned) return Failure{learned.error()};
    if (!has(kUsers)) return std::optional<StoredKeys>{};
  }
  std::optional<StoredKeys> keys;
  const auto ran = connection_->run(has(kSha256Keys) ? kFindUserWithSha256 : kFindUser,
                                    {realm, name}, [&](SqlRow& row) {
                                      keys.emplace();
                                      keys->md5 = Secret(std::string(without_padding(row[0])));
                                      if (row.size() > 1)
                                        keys->sha256 = Secret(std::string(without_padding(row[1])));
                                      for (std::string& text : row)
                                        OPENSSL_cleanse(text.data(), text.size());
                                    });
  if (!ran) return Failure{ran.error()};
  return keys;
}

Stored<Done> SqlStore::read(std::string_view table, std::string_view statement,
                            const OnRow& on_row) {
  if (!has(table)) return Done{};
  const auto ran = connection_->run(statement, {}, on_row);
  if (!ran) return Failure{ran.error()};
  return Done{};
}

// Databases older than coturn 4.5 have no realm here.
Stored<Done> SqlStore::read_peers(bool is_allowed, StoredSettings& settings) {
  const std::string_view table = is_allowed ? "allowed_peer_ip" : "denied_peer_ip";
  const auto with_realm =
      read(table,
           is_allowed ? "SELECT ip_range, realm FROM allowed_peer_ip ORDER BY 1, 2 LIMIT 10000"
                      : "SELECT ip_range, realm FROM denied_peer_ip ORDER BY 1, 2 LIMIT 10000",
           [&](SqlRow& row) { settings.add_peers(is_allowed, row[1], row[0]); });
  if (with_realm || with_realm.error().is_gone) return with_realm;
  return read(table,
              is_allowed ? "SELECT ip_range FROM allowed_peer_ip ORDER BY 1 LIMIT 10000"
                         : "SELECT ip_range FROM denied_peer_ip ORDER BY 1 LIMIT 10000",
              [&](SqlRow& row) { settings.add_peers(is_allowed, "", row[0]); });
}

Stored<StoredSettings> SqlStore::read_settings() {
  if (auto learned = learn_tables(); !learned) return Failure{learned.error()};
  StoredSettings settings;
  settings.keeps_sha256 = has(kSha256Keys);
  auto done = read(kSecrets, "SELECT realm, value FROM turn_secret ORDER BY 1, 2 LIMIT 10000",
                   [&](SqlRow& row) {
                     settings.secrets[row[0]].emplace_back(row[1]);
                     OPENSSL_cleanse(row[1].data(), row[1].size());
                   });
  if (!done) return Failure{done.error()};
  done = read("turn_realm_option",
              "SELECT realm, opt, value FROM turn_realm_option ORDER BY 1, 2 LIMIT 10000",
              [&](SqlRow& row) { settings.add_option(row[0], row[1], row[2]); });
  if (!done) return Failure{done.error()};
  for (const bool is_allowed : {true, false}) {
    done = read_peers(is_allowed, settings);
    if (!done) return Failure{done.error()};
  }
  done = read("turn_origin_to_realm",
              "SELECT origin, realm FROM turn_origin_to_realm ORDER BY 1 LIMIT 10000",
              [&](SqlRow& row) { settings.realm_by_origin.emplace(row[0], row[1]); });
  if (!done) return Failure{done.error()};
  done = read(
      "oauth_key",
      "SELECT kid, ikm_key, timestamp, lifetime, as_rs_alg, realm FROM oauth_key "
      "ORDER BY 1 LIMIT 10000",
      [&](SqlRow& row) {
        settings.oauth_keys.push_back({row[0], Secret(row[1]), number_of(row[2]),
                                       static_cast<uint32_t>(number_of(row[3])), row[4], row[5]});
        OPENSSL_cleanse(row[1].data(), row[1].size());
      });
  if (!done) return Failure{done.error()};
  return settings;
}

Stored<bool> SqlStore::has_sha256_of_all(std::string_view realm) {
  if (auto learned = learn_tables(); !learned) return Failure{learned.error()};
  if (!has(kUsers)) return true;
  bool found = false;
  const auto ran = connection_->run(has(kSha256Keys) ? kFindMd5Only : kFindAnyUser, {realm},
                                    [&](SqlRow&) { found = true; });
  if (!ran) return Failure{ran.error()};
  return !found;
}

Stored<uint64_t> SqlStore::change(std::string_view statement, SqlParameters parameters) {
  return connection_->run(statement, parameters, kNoRows);
}

Stored<Done> SqlStore::prepare() {
  if (auto learned = learn_tables(); !learned) return learned;
  for (const auto& [table, statement] : kTables) {
    if (has(table)) continue;
    if (const auto made = change(statement, {}); !made) return Failure{made.error()};
    tables_.insert(std::string(table));
  }
  return Done{};
}

Stored<Done> SqlStore::transact(const std::function<Stored<Done>()>& body) {
  if (const auto begun = change("BEGIN", {}); !begun) return Failure{begun.error()};
  auto done = body();
  if (!done) {
    (void)change("ROLLBACK", {});
    return done;
  }
  if (const auto committed = change("COMMIT", {}); !committed) return Failure{committed.error()};
  return done;
}

// Every dialect has its own word for "insert or replace"; all of them know these.
Stored<Done> SqlStore::put_user(std::string_view realm, std::string_view name,
                                const StoredKeys& keys) {
  return transact([&]() -> Stored<Done> {
    auto done = change("DELETE FROM turnusers_lt WHERE realm = ? AND name = ?", {realm, name});
    if (done) {
      done = change("INSERT INTO turnusers_lt (realm, name, hmackey) VALUES (?, ?, ?)",
                    {realm, name, keys.md5.reveal()});
    }
    if (done) {
      done = change("DELETE FROM uturn_sha256_key WHERE realm = ? AND name = ?", {realm, name});
    }
    if (done && !keys.sha256.empty()) {
      done = change(
          "INSERT INTO uturn_sha256_key (realm, name, hmackey, sha256key) VALUES (?, ?, ?, ?)",
          {realm, name, keys.md5.reveal(), keys.sha256.reveal()});
    }
    if (!done) return Failure{done.error()};
    return Done{};
  });
}

Stored<bool> SqlStore::remove_user(std::string_view realm, std::string_view name) {
  if (auto learned = learn_tables(); !learned) return Failure{learned.error()};
  if (!has(kUsers)) return false;
  bool was_there = false;
  const auto done = transact([&]() -> Stored<Done> {
    const auto removed =
        change("DELETE FROM turnusers_lt WHERE realm = ? AND name = ?", {realm, name});
    if (!removed) return Failure{removed.error()};
    was_there = *removed > 0;
    if (!has(kSha256Keys)) return Done{};
    const auto key =
        change("DELETE FROM uturn_sha256_key WHERE realm = ? AND name = ?", {realm, name});
    if (!key) return Failure{key.error()};
    return Done{};
  });
  if (!done) return Failure{done.error()};
  return was_there;
}

Stored<std::vector<ListedUser>> SqlStore::list_users(std::string_view realm) {
  if (auto learned = learn_tables(); !learned) return Failure{learned.error()};
  std::vector<ListedUser> users;
  if (!has(kUsers)) return users;
  const auto ran = connection_->run(
      has(kSha256Keys)
          ? "SELECT u.name, s.sha256key FROM turnusers_lt u LEFT JOIN uturn_sha256_key s "
            "ON s.realm = u.realm AND s.name = u.name AND s.hmackey = u.hmackey "
            "WHERE u.realm = ? ORDER BY 1"
          : "SELECT name FROM turnusers_lt WHERE realm = ? ORDER BY 1",
      {realm}, [&](SqlRow& row) { users.push_back({row[0], row.size() > 1 && !row[1].empty()}); });
  if (!ran) return Failure{ran.error()};
  return users;
}

Stored<Done> SqlStore::add_secret(std::string_view realm, const Secret& secret) {
  return transact([&]() -> Stored<Done> {
    auto done =
        change("DELETE FROM turn_secret WHERE realm = ? AND value = ?", {realm, secret.reveal()});
    if (done) {
      done =
          change("INSERT INTO turn_secret (realm, value) VALUES (?, ?)", {realm, secret.reveal()});
    }
    if (!done) return Failure{done.error()};
    return Done{};
  });
}

Stored<bool> SqlStore::remove_secret(std::string_view realm, const Secret& secret) {
  if (auto learned = learn_tables(); !learned) return Failure{learned.error()};
  if (!has(kSecrets)) return false;
  const auto removed =
      change("DELETE FROM turn_secret WHERE realm = ? AND value = ?", {realm, secret.reveal()});
  if (!removed) return Failure{removed.error()};
  return *removed > 0;
}

Stored<std::vector<Secret>> SqlStore::list_secrets(std::string_view realm) {
  if (auto learned = learn_tables(); !learned) return Failure{learned.error()};
  std::vector<Secret> secrets;
  if (!has(kSecrets)) return secrets;
  const auto ran = connection_->run("SELECT value FROM turn_secret WHERE realm = ? ORDER BY 1",
                                    {realm}, [&](SqlRow& row) { secrets.emplace_back(row[0]); });
  if (!ran) return Failure{ran.error()};
  return secrets;
}

}  // namespace uturn
