// Texts of a database into settings, and which backend a URL means.
#include "server/directories/credential_store.h"

#include <charconv>

#include "server/directories/backends.h"

namespace uturn {
namespace {

template <class Number>
bool read_number(std::string_view text, std::optional<Number>& to) {
  Number number = 0;
  const auto [end, error] = std::from_chars(text.begin(), text.end(), number);
  if (error != std::errc{} || end != text.end()) return false;
  to = number;
  return true;
}

}  // namespace

void StoredSettings::add_option(const std::string& realm, std::string_view name,
                                std::string_view value) {
  RealmOptions& options = realm_options[realm];
  const bool is_read = name == "max-bps"       ? read_number(value, options.max_bps)
                       : name == "total-quota" ? read_number(value, options.total_quota)
                       : name == "user-quota"  ? read_number(value, options.user_quota)
                                               : false;
  if (!is_read) ++unreadable;
}

void StoredSettings::add_peers(bool is_allowed, const std::string& realm, std::string_view range) {
  const auto parsed = AddressRange::parse(range);
  if (!parsed) {
    ++unreadable;
    return;
  }
  (is_allowed ? allowed_peers : denied_peers)[realm].push_back(*parsed);
}

Stored<std::unique_ptr<CredentialStore>> connect_store(const DatabaseUrl& url,
                                                       const StoreOptions& options) {
  switch (url.kind) {
    case DatabaseKind::sqlite:
      return connect_sqlite(url, options);
    case DatabaseKind::postgresql:
      return connect_postgresql(url, options);
    case DatabaseKind::mysql:
      return connect_mysql(url, options);
    case DatabaseKind::redis:
      return connect_redis(url, options);
  }
  return Failure{StoreError{"no such database", false}};
}

std::set<std::string> realms_named_by(const StoredSettings& settings) {
  std::set<std::string> realms;
  for (const auto& [realm, secrets] : settings.secrets) realms.insert(realm);
  for (const auto& [realm, options] : settings.realm_options) realms.insert(realm);
  for (const auto& [origin, realm] : settings.realm_by_origin) realms.insert(realm);
  for (const OauthKey& key : settings.oauth_keys) realms.insert(key.realm);
  realms.erase("");
  return realms;
}

}  // namespace uturn
