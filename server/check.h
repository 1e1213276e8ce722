// `uturn check FILE`: explains a configuration.
#pragma once

#include <iosfwd>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/config.h"
#include "server/directories/credential_store.h"
#include "server/value_sources.h"

namespace uturn {

/// Used keys, what is wrong, the effective settings, of each realm its users, peers and what is
/// announced to clients and why, certificates, warnings. Exit status 0 where `serve` would accept
/// it, else 2.
int check_config_file(const std::string& path, const ValueSources& sources, std::ostream& out);

/// The credential database, connected once for all that is asked.
class AskedDatabase {
 public:
  explicit AskedDatabase(const Config& config);
  /// Nothing where every user of the realm has a key for SHA-256, or there is no database.
  std::optional<std::string> why_md5_only(const std::string& realm);
  /// Realms that it names and the configuration does not.
  std::vector<std::string> further_realms(const Config& config);

 private:
  std::optional<DatabaseUrl> url_;
  std::unique_ptr<CredentialStore> store_;  ///< null: see why_not_
  std::string why_not_;
};

/// Which password algorithms clients of a realm are offered, and why: one line.
std::string explain_algorithms(const Config& config, const std::string& realm,
                               AskedDatabase& database);
/// What the nonce says about usernames, and why.
std::string explain_anonymity(const Config& config, const std::string& realm);
/// Where users come from, in the order in which they are asked.
std::string explain_sources(const Config& config, const std::string& realm);
/// The realm's own peers; empty where it has none.
std::string explain_peers(const Config& config, const std::string& realm);
/// What leads clients to a realm that is not the default.
std::string explain_ways(const Config& config, const std::string& realm);

}  // namespace uturn
