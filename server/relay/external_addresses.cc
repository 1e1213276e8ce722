// Mapping relay addresses at the edges.
#include "server/relay/external_addresses.h"

#include <algorithm>

namespace uturn {

TransportAddress ExternalAddresses::find_outward(const TransportAddress& local) const {
  const auto found = std::ranges::find(pairs_, local.ip, &ExternalAddress::local);
  return found == pairs_.end() ? local : TransportAddress{found->shown, local.port, 0};
}

TransportAddress ExternalAddresses::find_inward(const TransportAddress& shown,
                                                const HeldPorts& held) const {
  TransportAddress local = shown;
  for (const ExternalAddress& pair : pairs_) {
    if (pair.shown != shown.ip) continue;
    const TransportAddress candidate{pair.local, shown.port, 0};
    if (held.is_held(candidate)) return candidate;
    if (local == shown) local = candidate;
  }
  return local;
}

}  // namespace uturn
