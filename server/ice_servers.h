// iceServers: what an operator pastes into a page's RTCPeerConnection.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/config.h"
#include "server/interfaces.h"

namespace uturn {

/// stun:, turn: and turns: URIs (RFC 7064, RFC 7065) of each listener as clients reach it: a
/// wildcard by the address it stands for, a mapped address by its public one. Link-local addresses
/// are left out, loopback only where there is nothing else. Where the certificate names a host,
/// turns: names it too: clients compare them (RFC 8489, Section 6.2.3).
std::vector<std::string> ice_urls(const std::vector<ListenerUri>& listeners,
                                  const std::vector<ExternalMapping>& external,
                                  const std::vector<LocalAddress>& locals,
                                  const std::string& certified_name = {});

/// Those by which clients get into a realm: the default has those that serve every realm and its
/// own; another one its own, or where it has none those of every realm (an ORIGIN or a REALM leads
/// there).
std::vector<ListenerUri> listeners_of_realm(const std::vector<ListenerUri>& listeners,
                                            const std::string& realm,
                                            const std::string& default_realm);

/// {"iceServers":[{"urls":[...],"username":"...","credential":"..."}]}, ready to paste. Without a
/// username the last two are left out.
std::string ice_servers_json(const std::vector<std::string>& urls, std::string_view username,
                             std::string_view credential);

}  // namespace uturn
