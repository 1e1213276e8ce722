// Counting a datagram that is relayed: once for its allocation, once for all that are alike.
#pragma once

#include "server/relay/relay.h"

namespace uturn {

inline void Relay::count(const Outcome& outcome) {
  if (!kCounted) return;
  ++counters_.datagrams_in;
  const bool is_relayed =  // and counted where it was: see counters()
      std::holds_alternative<Forward>(outcome) || std::holds_alternative<Shortcut>(outcome);
  if (!is_relayed) count_unrelayed(outcome);
}

inline void Relay::count_to_peer(Allocation& allocation, const RelayedSide& side, size_t payload,
                                 Now now) {
  Traffic& traffic = allocation.traffic;
  if (kCounted && traffic.is_silent()) note_used(allocation);
  traffic.count_to_peer(payload, now);
  side.alike->to_peers.add(payload);
}

inline void Relay::count_to_client(Allocation& allocation, const RelayedSide& side, size_t payload,
                                   Now now) {
  Traffic& traffic = allocation.traffic;
  if (kCounted && traffic.is_silent()) note_used(allocation);
  traffic.count_to_client(payload, now);
  side.alike->to_clients.add(payload);
}

}  // namespace uturn
