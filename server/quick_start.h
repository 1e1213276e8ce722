// Quick start: what a server without a configuration chooses, and how it tells people.
#pragma once

#include <string>
#include <vector>

#include "auth/random.h"
#include "server/config.h"
#include "server/interfaces.h"

namespace uturn {

/// Where nobody said who may log in, makes up a user: name "uturn", a random password of 22
/// characters (131 bits). Where a listener needs a certificate and none is named, one is to be
/// made. Only for a server started without a file.
void complete_quick_start(Config& config, Random& random);

/// What was chosen and found, once every listener is up.
struct QuickStart {
  std::vector<ListenerUri> listeners;  ///< with their real ports
  std::vector<IpAddress> relay_addresses;
  std::vector<ExternalMapping> external;
  std::vector<LocalAddress> locals;
  PortRange ports;
  std::string certified_name;   ///< of an operator's certificate; empty: none
  bool is_self_signed = false;  ///< a certificate was made
  std::string username;    ///< empty where the snippet cannot name one (REST secrets, --no-auth)
  std::string credential;  ///< of a user that quick start made up; an operator's own is not shown
  std::string self_test;   ///< the verdict, one line; empty: none was made
};

/// Lines for a terminal, ending in the iceServers snippet and, where clients elsewhere could not
/// reach what was found, a line naming --external-ip.
std::string quick_start_text(const QuickStart& found);

/// True where the world sees an address of a special-purpose range (RFC 1918 ...) for a relay
/// address of the family that has no other.
bool has_only_private_addresses(const QuickStart& found);

}  // namespace uturn
