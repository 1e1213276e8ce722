// Self-test: the server visits itself as a client would.
#pragma once

#include <string>
#include <vector>

#include "server/config.h"

namespace uturn {

/// Binding, Allocate and a datagram through the own relay both ways, over the first listener. One
/// line for a person: what worked, or what did not and why. Blocks for a few seconds at the most.
std::string self_test(const std::vector<ListenerUri>& listeners, const std::string& username,
                      const std::string& password);

}  // namespace uturn
