// Counting a datagram that is relayed: once for its allocation, once for all that are alike.
#pragma once

#include "server/relay/relay.h"

namespace uturn {

/// What is relayed has been counted where it was: see Relay::counters.
inline bool is_relayed(const Outcome& outcome) {
  return std::holds_alternative<Forward>(outcome) || std::holds_alternative<Shortcut>(outcome);
}

inline void Relay::count_to_peer(Allocation& allocation, const RelayedSide& side, size_t payload,
                                 Now now) {
  allocation.traffic.count_to_peer(payload, now);
  side.alike->to_peers.add(payload);
}

inline void Relay::count_to_client(Allocation& allocation, const RelayedSide& side, size_t payload,
                                   Now now) {
  allocation.traffic.count_to_client(payload, now);
  side.alike->to_clients.add(payload);
}

}  // namespace uturn
