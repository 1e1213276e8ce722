// Builds the authenticators that a configuration describes.
#include "server/authentication.h"

#include <utility>

namespace uturn {
namespace {

const RealmConfig* find_realm(const Config& config, const std::string& realm) {
  const auto found = config.realms.find(realm);
  return found == config.realms.end() ? nullptr : &found->second;
}

void add_users(const std::map<std::string, StaticUser>& from, StaticUsers& to) {
  for (const auto& [name, user] : from) {
    if (!user.password.empty()) {
      to.add_password(name, user.password.reveal(), user.credential_class);
    }
    for (const Key& key : user.keys) to.add_key(name, key, user.credential_class);
  }
}

/// The realm's own, or else everybody's, or else its name.
const std::string& token_server_name(const Config& config, const std::string& realm) {
  const RealmConfig* const own = find_realm(config, realm);
  if (own != nullptr && !own->oauth.server_name.empty()) return own->oauth.server_name;
  return config.auth.oauth.server_name.empty() ? realm : config.auth.oauth.server_name;
}

}  // namespace

ConfiguredSecrets secrets_of(const Config& config, const std::string& realm) {
  ConfiguredSecrets all;
  const auto add = [&](const std::vector<Secret>& secrets, std::vector<std::string> classes) {
    classes.resize(secrets.size());
    all.secrets.insert(all.secrets.end(), secrets.begin(), secrets.end());
    all.classes.insert(all.classes.end(), classes.begin(), classes.end());
  };
  if (realm == config.server.realm) add(config.auth.secrets, config.auth.secret_classes);
  if (const RealmConfig* const more = find_realm(config, realm)) {
    add(more->secrets, more->secret_classes);
  }
  return all;
}

std::vector<TokenKey> token_keys_of(const Config& config, const std::string& realm) {
  std::vector<TokenKey> keys;
  if (realm == config.server.realm) keys = config.auth.oauth.keys;
  if (const RealmConfig* const more = find_realm(config, realm)) {
    keys.insert(keys.end(), more->oauth.keys.begin(), more->oauth.keys.end());
  }
  return keys;
}

std::shared_ptr<StaticUsers> make_static_users(const Config& config, const std::string& realm) {
  auto users = std::make_shared<StaticUsers>(realm);
  if (realm == config.server.realm) add_users(config.auth.users, *users);
  if (const RealmConfig* const more = find_realm(config, realm)) add_users(more->users, *users);
  return users->size() == 0 ? nullptr : users;
}

std::shared_ptr<const RestSecrets> make_rest_secrets(const Config& config, const std::string& realm,
                                                     const std::vector<Secret>& further) {
  ConfiguredSecrets known = secrets_of(config, realm);
  // RestSecrets takes the texts over and wipes them; a vector that grew would leave copies behind.
  std::vector<std::string> secrets;
  secrets.reserve(RestSecrets::kMaxSecrets);
  for (const std::vector<Secret>* const source : {&std::as_const(known.secrets), &further}) {
    for (const Secret& secret : *source) {
      if (secrets.size() < RestSecrets::kMaxSecrets) secrets.push_back(secret.reveal());
    }
  }
  if (secrets.empty()) return nullptr;
  return std::make_shared<const RestSecrets>(realm, std::move(secrets), config.auth.rest,
                                             std::move(known.classes));
}

std::shared_ptr<const Authenticator> make_authenticator(
    const Config& config, const std::string& realm, RealmId id, const RealmSources& sources,
    std::vector<NonceKey> keys, std::vector<std::shared_ptr<UserDirectory>> directories) {
  Authenticator::Settings settings;
  settings.id = id;
  settings.realm = realm;
  settings.required = config.auth.required;
  settings.announce_username_anonymity = config.auth.username_anonymity;
  if (!sources.token_keys.empty()) {
    settings.token_server_name = token_server_name(config, realm);
    settings.token_keys = std::make_shared<ListedTokenKeys>(sources.token_keys);
  }
  settings.nonce.keys = std::move(keys);
  settings.nonce.lifetime = config.auth.nonce_lifetime;
  settings.nonce.bit_order = config.auth.feature_bit_order;
  return std::make_shared<const Authenticator>(std::move(settings), sources.users, sources.secrets,
                                               std::move(directories));
}

std::shared_ptr<const Authenticator> make_authenticator(const Config& config,
                                                        const std::string& realm,
                                                        std::vector<NonceKey> keys) {
  return make_authenticator(config, realm, RealmId{},
                            {.users = make_static_users(config, realm),
                             .secrets = make_rest_secrets(config, realm),
                             .token_keys = token_keys_of(config, realm)},
                            std::move(keys));
}

}  // namespace uturn
