// Self-test: the server visits itself as a client would.
#pragma once

#include <string>
#include <vector>

#include "server/config.h"

namespace uturn {

/// Binding, Allocate and a datagram through the own relay both ways, over the first listener. One
/// line for a person: what worked, or the step that did not and why. Blocks for a second at the
/// most.
std::string self_test(const std::vector<ListenerUri>& listeners, const std::string& username,
                      const std::string& password);

}  // namespace uturn
