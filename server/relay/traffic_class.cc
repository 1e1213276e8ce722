// Finding the class of an allocation; what all have relayed.
#include "server/relay/traffic_class.h"

namespace uturn {

TrafficClass& TrafficClasses::of(const ServerAddress& server, Transport transport,
                                 std::string_view realm) {
  for (const auto& known : classes_) {
    const bool is_it = known->is_rest || (known->transport == transport &&
                                          known->server == server && known->realm == realm);
    if (is_it) return *known;
  }
  auto& added = *classes_.emplace_back(std::make_unique<TrafficClass>());
  added.is_rest = classes_.size() == kMost;
  if (!added.is_rest) {
    added.server = server;
    added.transport = transport;
    added.realm = realm;
  }
  return added;
}

FamilyTraffic TrafficClasses::total() const {
  FamilyTraffic total;
  for (const auto& one : classes_) {
    for (const FamilyTraffic& family : one->families) {
      total.to_peers.add(family.to_peers);
      total.to_clients.add(family.to_clients);
    }
  }
  return total;
}

}  // namespace uturn
