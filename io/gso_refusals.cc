// A small set-associative table of addresses with a time of forgetting.
#include "io/gso_refusals.h"

namespace uturn {
namespace {

// The network a destination is taken to share its device with.
IpAddress route_of(const IpAddress& destination) {
  const Bytes bytes = destination.bytes();
  if (destination.is_v4()) {
    std::array<uint8_t, 4> network{};
    std::copy_n(bytes.begin(), 3, network.begin());
    return IpAddress::v4(network);
  }
  std::array<uint8_t, 16> network{};
  std::copy_n(bytes.begin(), 8, network.begin());
  return IpAddress::v6(network);
}

}  // namespace

void GsoRefusals::remember_destination(const IpAddress& destination, Instant now) {
  remember(destination, false, now, now + kDestinationTime);
}

void GsoRefusals::remember_route(const IpAddress& destination, Instant now) {
  remember(route_of(destination), true, now, now + kRouteTime);
}

bool GsoRefusals::contains(const IpAddress& destination, Instant now) const {
  if (last_until_ <= now) return false;
  return holds(destination, false, now) || holds(route_of(destination), true, now);
}

void GsoRefusals::remember(const IpAddress& address, bool whole_route, Instant now, Instant until) {
  Set& set = sets_[set_of(address)];
  Entry* place = &set[0];
  for (Entry& entry : set) {
    if (entry.until > now && entry.address == address && entry.whole_route == whole_route) {
      place = &entry;
      break;
    }
    if (entry.until < place->until) place = &entry;
  }
  *place = {address, whole_route, until};
  last_until_ = std::max(last_until_, until);
}

bool GsoRefusals::holds(const IpAddress& address, bool whole_route, Instant now) const {
  return std::ranges::any_of(sets_[set_of(address)], [&](const Entry& entry) {
    return entry.until > now && entry.address == address && entry.whole_route == whole_route;
  });
}

}  // namespace uturn
