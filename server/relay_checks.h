// What relay addresses must satisfy, whether they were named or chosen.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "protocol/result.h"
#include "server/config.h"

namespace uturn {

/// A mapping that no relay address uses would silently announce nothing: the first such.
std::optional<ExternalMapping> find_unused_mapping(const std::vector<ExternalMapping>& external,
                                                   const std::vector<IpAddress>& addresses);

/// The address the world would see for two relay addresses: the same relayed transport address
/// could then belong to two allocations, and nobody could say which is meant.
std::optional<IpAddress> find_ambiguous_address(const std::vector<ExternalMapping>& external,
                                                const std::vector<IpAddress>& addresses);

/// False where every request without REQUESTED-ADDRESS-FAMILY would end in 440.
bool has_default_family(DefaultFamily family, const std::vector<IpAddress>& addresses);

/// The first port that does not need root (net.ipv4.ip_unprivileged_port_start, for both families).
uint16_t first_unprivileged_port();

/// Binds any port once on each address, as every allocation will. The error is one sentence.
Result<Done, std::string> try_relay_addresses(const std::vector<IpAddress>& addresses,
                                              bool freebind);

}  // namespace uturn
