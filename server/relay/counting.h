// Counting a datagram that is relayed: once for its allocation, once for all that are alike.
#pragma once

#include "server/relay/relay.h"

namespace uturn {

inline void Relay::count_to_peer(Allocation& allocation, AddressFamily family, size_t payload,
                                 Now now) {
  Traffic& traffic = allocation.traffic;
  if ((traffic.packets_to_peers | traffic.packets_to_client) == 0) note_used(allocation);
  traffic.count_to_peer(payload, now);
  allocation.traffic_class->of(family).to_peers.add(payload);
}

inline void Relay::count_to_client(Allocation& allocation, AddressFamily family, size_t payload,
                                   Now now) {
  Traffic& traffic = allocation.traffic;
  if ((traffic.packets_to_peers | traffic.packets_to_client) == 0) note_used(allocation);
  traffic.count_to_client(payload, now);
  allocation.traffic_class->of(family).to_clients.add(payload);
}

}  // namespace uturn
