// `uturn credentials`: prints iceServers JSON with a time-limited TURN REST credential.
#pragma once

#include <iosfwd>
#include <string>

#include "protocol/time.h"
#include "server/config.h"
#include "server/interfaces.h"

namespace uturn {

struct RestCredential {
  std::string username;  ///< expiry:id, or the expiry alone
  std::string password;
};

/// draft-uberti-rtcweb-turn-rest-00, Section 2.2.
RestCredential make_rest_credential(const Secret& secret, const RestOptions& options,
                                    std::string_view id, CalendarTime expires_at);

struct CredentialsOptions {
  std::string id;
  std::chrono::seconds ttl{86'400};
  std::string realm{};  ///< empty: the default
  Secret secret{};      ///< empty: the first of the realm's in the configuration
};

/// Uses the configuration's listeners and external addresses. Exit status 0, or 2 without a secret
/// or such a realm.
int print_credentials(const CredentialsOptions& options, const Config& config,
                      const std::vector<LocalAddress>& locals, CalendarTime now, std::ostream& out,
                      std::ostream& err);

}  // namespace uturn
