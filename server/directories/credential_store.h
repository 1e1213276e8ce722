// CredentialStore: one connection to a credential database, laid out as coturn lays it out.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auth/address_range.h"
#include "protocol/result.h"
#include "protocol/time.h"
#include "server/directories/database_url.h"
#include "server/secret.h"

namespace uturn {

/// Why a database did not do what it was asked. `is_gone`: the connection is of no use any more,
/// or there is none; another one may help.
struct StoreError {
  std::string said;
  bool is_gone = false;
};
template <class T>
using Stored = Result<T, StoreError>;

/// Keys in hex digits, as databases hold them.
struct StoredKeys {
  Secret md5;
  Secret sha256;  ///< empty where the database has none: all that coturn wrote
};

struct ListedUser {
  std::string name;
  bool has_sha256 = false;
};

/// What coturn's turn_realm_option says; nothing: not said.
struct RealmOptions {
  std::optional<uint64_t> max_bps{};  ///< bytes a second, as coturn has it
  std::optional<uint32_t> total_quota{};
  std::optional<uint32_t> user_quota{};
  friend bool operator==(const RealmOptions&, const RealmOptions&) = default;
};

/// A key shared with an authorization server (RFC 7635), as coturn's oauth_key has it.
struct OauthKey {
  std::string kid;
  Secret key_base64;
  uint64_t timestamp = 0;  ///< seconds since 1970 from which it is good; 0: for ever
  uint32_t lifetime = 0;   ///< seconds; 0: for ever
  std::string algorithm;   ///< "A256GCM"; empty: the default
  std::string realm;
  friend bool operator==(const OauthKey&, const OauthKey&) = default;
};

/// Everything but the users: small, and read as a whole every few seconds.
struct StoredSettings {
  static constexpr size_t kMaxRows = 10'000;  ///< of each kind; the rest is left out

  std::map<std::string, std::vector<Secret>> secrets{};  ///< TURN REST API, by realm
  std::map<std::string, RealmOptions> realm_options{};
  /// By realm; "" is for all of them.
  std::map<std::string, std::vector<AddressRange>> allowed_peers{};
  std::map<std::string, std::vector<AddressRange>> denied_peers{};
  std::map<std::string, std::string> realm_by_origin{};
  std::vector<OauthKey> oauth_keys{};
  /// Rows that say nothing we understand, like a range that is none.
  uint32_t unreadable = 0;
  /// Has the database a place for SHA-256 keys? Connections made before it had look at nothing
  /// there.
  bool keeps_sha256 = false;
  friend bool operator==(const StoredSettings&, const StoredSettings&) = default;

  // How a backend fills it in: texts as the database has them.
  void add_option(const std::string& realm, std::string_view name, std::string_view value);
  void add_peers(bool is_allowed, const std::string& realm, std::string_view range);
};

/// Realms that something is said of besides their users, each once.
std::set<std::string> realms_named_by(const StoredSettings& settings);

struct StoreOptions {
  Duration timeout = std::chrono::seconds(2);  ///< to connect, and for each query
  bool may_write = false;
  bool may_create = false;  ///< SQLite: the file is made where there is none
};

/// Calls block, at most about as long as the timeout. Used by one thread at a time.
class CredentialStore {
 public:
  virtual ~CredentialStore() = default;

  virtual Stored<std::optional<StoredKeys>> find_user(std::string_view realm,
                                                      std::string_view name) = 0;
  virtual Stored<StoredSettings> read_settings() = 0;
  /// Has every user of the realm a SHA-256 key? Reads all of them.
  virtual Stored<bool> has_sha256_of_all(std::string_view realm) = 0;

  // For operators: `uturn user` and `uturn secret`.
  /// Makes the tables that are missing.
  virtual Stored<Done> prepare() = 0;
  virtual Stored<Done> put_user(std::string_view realm, std::string_view name,
                                const StoredKeys& keys) = 0;
  virtual Stored<bool> remove_user(std::string_view realm, std::string_view name) = 0;
  virtual Stored<std::vector<ListedUser>> list_users(std::string_view realm) = 0;
  virtual Stored<Done> add_secret(std::string_view realm, const Secret& secret) = 0;
  virtual Stored<bool> remove_secret(std::string_view realm, const Secret& secret) = 0;
  virtual Stored<std::vector<Secret>> list_secrets(std::string_view realm) = 0;
};

Stored<std::unique_ptr<CredentialStore>> connect_store(const DatabaseUrl& url,
                                                       const StoreOptions& options);

}  // namespace uturn
