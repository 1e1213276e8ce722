// Accounts: what a server at rest must be able to show.
#pragma once

#include <string>
#include <vector>

#include "tests/simulation/world/simulated_server.h"

namespace uturn {

/// One fate for every datagram that the loops brought, and one end for every request that was
/// deferred; what is not so.
std::vector<std::string> wrong_fates(const SimulatedServer& server);

/// What a server still holds after everybody has gone: nothing.
std::vector<std::string> remains(const SimulatedServer& server);

}  // namespace uturn
