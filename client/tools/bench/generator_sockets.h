// Generator sockets: the many sockets of a load generator, opened where the options say.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "client/tools/bench/network_namespace.h"
#include "io/loop.h"
#include "protocol/result.h"

namespace uturn {

/// Where sockets are opened: on these addresses in turn, inside a network namespace.
struct SocketPlace {
  std::vector<IpAddress> addresses;  ///< one at least
  std::string netns{};               ///< empty: the thread's own
};

/// Sockets that are opened while this lives belong to the place's network namespace.
Result<std::optional<NetworkNamespace>, std::string> enter(const SocketPlace& place);

/// The addresses that were asked for, or the one that the route to the server leaves from. The
/// error is a sentence for people, here and below.
Result<SocketPlace, std::string> find_place(const std::vector<IpAddress>& wanted,
                                            const std::string& netns,
                                            const TransportAddress& server);

/// Their tags count up from `first_tag`.
Result<std::vector<SocketId>, std::string> open_sockets(Loop& loop, const SocketPlace& place,
                                                        uint32_t count, uint64_t first_tag);

/// Lets this process have as many descriptors as it may. Returns how many that are.
uint64_t raise_descriptor_limit();

}  // namespace uturn
