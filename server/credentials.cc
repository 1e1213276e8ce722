// `uturn credentials`.
#include "server/credentials.h"

#include <ostream>

#include "auth/rest_secrets.h"
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
  if (config.auth.secrets.empty()) {
    err << "uturn credentials: no secret; say --secret S, or -c FILE of a configuration with "
           "auth.secrets\n";
    return 2;
  }
  const auto credential = make_rest_credential(config.auth.secrets.front(), config.auth.rest,
                                               options.id, now + options.ttl);
  const auto urls =
      ice_urls(config.listeners, config.relay.external, locals, certified_name(config.tls));
  out << ice_servers_json(urls, credential.username, credential.password) << "\n";
  return 0;
}

}  // namespace uturn
