// Finding the class of an allocation.
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

}  // namespace uturn
