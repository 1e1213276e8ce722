// Builds the authenticators that a configuration describes, of its realms each.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "auth/authenticator.h"
#include "auth/static_users.h"
#include "server/config.h"

namespace uturn {

/// What a realm's authenticators on all shards have in common.
struct RealmSources {
  std::shared_ptr<StaticUsers> users;          ///< null: none
  std::shared_ptr<const RestSecrets> secrets;  ///< null: none
  std::vector<TokenKey> token_keys;            ///< empty: no tokens are taken
};

/// What the configuration says of a realm: `auth` of the default one, `realms` of any.
struct ConfiguredSecrets {
  std::vector<Secret> secrets;
  std::vector<std::string> classes;  ///< of each; empty: everybody's limits
};
ConfiguredSecrets secrets_of(const Config& config, const std::string& realm);
std::vector<TokenKey> token_keys_of(const Config& config, const std::string& realm);
std::shared_ptr<StaticUsers> make_static_users(const Config& config, const std::string& realm);
/// Its secrets and behind them these, a database's, together kMaxSecrets at the most; null where
/// there are none.
std::shared_ptr<const RestSecrets> make_rest_secrets(const Config& config, const std::string& realm,
                                                     const std::vector<Secret>& further = {});

/// One per shard. `keys`: at least one; the first mints. `directories` are asked in their order,
/// behind the users and secrets of the configuration.
std::shared_ptr<const Authenticator> make_authenticator(
    const Config& config, const std::string& realm, RealmId id, const RealmSources& sources,
    std::vector<NonceKey> keys, std::vector<std::shared_ptr<UserDirectory>> directories = {});

/// By the configuration alone.
std::shared_ptr<const Authenticator> make_authenticator(const Config& config,
                                                        const std::string& realm,
                                                        std::vector<NonceKey> keys);

}  // namespace uturn
