// Builds the authenticator that a configuration describes.
#include "server/authentication.h"

#include "auth/static_users.h"

namespace uturn {
namespace {

std::shared_ptr<StaticUsers> make_static_users(const Config& config) {
  auto users = std::make_shared<StaticUsers>(config.server.realm);
  for (const auto& [name, user] : config.auth.users) {
    if (!user.password.empty())
      users->add_password(name, user.password.reveal(), user.credential_class);
    for (const Key& key : user.keys) users->add_key(name, key, user.credential_class);
  }
  return users;
}

}  // namespace

std::shared_ptr<RestSecrets> make_rest_secrets(const Config& config,
                                               const std::vector<Secret>& further) {
  // RestSecrets takes the texts over and wipes them; a vector that grew would leave copies behind.
  std::vector<std::string> secrets;
  secrets.reserve(RestSecrets::kMaxSecrets);
  for (const std::vector<Secret>* source : {&config.auth.secrets, &further}) {
    for (const Secret& secret : *source) {
      if (secrets.size() < RestSecrets::kMaxSecrets) secrets.push_back(secret.reveal());
    }
  }
  if (secrets.empty()) return nullptr;
  return std::make_shared<RestSecrets>(config.server.realm, std::move(secrets), config.auth.rest,
                                       config.auth.secret_classes);
}

std::unique_ptr<Authenticator> make_authenticator(
    const Config& config, std::vector<NonceKey> keys,
    std::vector<std::shared_ptr<UserDirectory>> directories, const std::vector<Secret>& secrets) {
  Authenticator::Settings settings;
  settings.realm = config.server.realm;
  settings.required = config.auth.required;
  settings.announce_username_anonymity = config.auth.username_anonymity;
  if (!config.auth.oauth.keys.empty()) {
    const std::string& name = config.auth.oauth.server_name;
    settings.token_server_name = name.empty() ? config.server.realm : name;
    settings.token_keys = std::make_shared<ListedTokenKeys>(config.auth.oauth.keys);
  }
  settings.nonce.keys = std::move(keys);
  settings.nonce.lifetime = config.auth.nonce_lifetime;
  settings.nonce.bit_order = config.auth.feature_bit_order;
  return std::make_unique<Authenticator>(
      std::move(settings), config.auth.users.empty() ? nullptr : make_static_users(config),
      make_rest_secrets(config, secrets), std::move(directories));
}

}  // namespace uturn
