// The addresses of this machine: what quick start shows, what `auto` and a wildcard stand for.
#pragma once

#include <string>
#include <vector>

#include "protocol/result.h"
#include "protocol/transport_address.h"
#include "server/config.h"

namespace uturn {

/// An address of an interface that is up. `is_preferred`: the system's own choice towards the
/// Internet, one per family at the most.
struct LocalAddress {
  IpAddress address;
  std::string interface;
  bool is_preferred = false;
};

/// Asks the interfaces and the routing table; sends nothing. The error says what the kernel, or a
/// sandbox, refuses.
Result<std::vector<LocalAddress>, std::string> read_local_addresses();

std::vector<IpAddress> addresses_of(const std::vector<LocalAddress>& locals);

/// What `relay.addresses: [auto]` stands for: the addresses the listeners name; for a wildcard the
/// preferred address of its family, or where there is none the first that is neither loopback nor
/// link-local. A machine with nothing else relays on loopback.
std::vector<IpAddress> choose_relay_addresses(const std::vector<ListenerUri>& listeners,
                                              const std::vector<LocalAddress>& locals);

/// Is it outside the special-purpose space, so that anybody may reach it?
bool is_public(const IpAddress& address);

/// The NAT mappings as pairs: a plain public address stands for every relay address of its family.
/// An address without one is not in the result.
struct NatPair {
  IpAddress public_address;
  IpAddress private_address;
};
std::vector<NatPair> expand_external(const std::vector<ExternalMapping>& external,
                                     const std::vector<IpAddress>& relay_addresses);

}  // namespace uturn
