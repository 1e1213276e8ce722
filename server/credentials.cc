// `uturn credentials`.
#include "server/credentials.h"

#include <ostream>

#include "auth/rest_secrets.h"
#include "server/authentication.h"
#include "server/config_problem.h"
#include "server/ice_servers.h"
#include "server/tls_checks.h"

namespace uturn {

RestCredential make_rest_credential(const Secret& secret, const RestOptions& options,
                                    std::string_view id, CalendarTime expires_at) {
  RestCredential credential;
  credential.username = make_rest_name(expires_at, id, options.separator);
  credential.password = rest_password(secret.reveal(), credential.username, options.hash);
  return credential;
}

int print_credentials(const CredentialsOptions& options, const Config& config,
                      const std::vector<LocalAddress>& locals, CalendarTime now, std::ostream& out,
                      std::ostream& err) {
  const std::string& realm = options.realm.empty() ? config.server.realm : options.realm;
  const bool is_default = realm == config.server.realm;
  if (!is_default && !config.realms.contains(realm)) {
    err << "uturn credentials: there is no realm " << printable(realm)
        << "; say -c FILE of a configuration that has it in realms\n";
    return 2;
  }
  const ConfiguredSecrets known = secrets_of(config, realm);
  if (options.secret.empty() && known.secrets.empty()) {
    err << "uturn credentials: no secret; say --secret S, or -c FILE of a configuration with "
        << (is_default ? "auth.secrets" : "realms." + printable(realm) + ".secrets") << "\n";
    return 2;
  }
  const Secret& secret = options.secret.empty() ? known.secrets.front() : options.secret;
  const auto credential =
      make_rest_credential(secret, config.auth.rest, options.id, now + options.ttl);
  const auto urls = ice_urls(listeners_of_realm(config.listeners, realm, config.server.realm),
                             config.relay.external, locals, certified_name(config.tls));
  out << ice_servers_json(urls, credential.username, credential.password) << "\n";
  return 0;
}

}  // namespace uturn
