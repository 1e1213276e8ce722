// Bandwidth: what may be relayed for an allocation, packet by packet.
//
// Every allocation has credit for some bytes in each direction and spends it by one subtraction a
// packet. What is spent is drawn anew in lots, from its own bucket and from those that it shares
// with others of its user and of the server. Without any limit the credit never ends.
#include "server/relay/relay.h"

namespace uturn {

bool Relay::draw(Allocation& allocation, Towards towards, size_t bytes, Now now) {
  int64_t& credit = allocation.credit[static_cast<size_t>(towards)];
  const auto wanted = static_cast<int64_t>(bytes);
  credit += wanted;  // this packet has not been paid for yet
  BandwidthLimit limit{};
  credit += allocation.quota.draw(towards, wanted - credit, now.monotonic, limit);
  if (credit >= wanted) {
    credit -= wanted;
    return true;
  }
  ++counters_.bandwidth_drops[static_cast<size_t>(limit)];
  if (limit == BandwidthLimit::bytes) {  // there will never be any more
    for (auto& side : allocation.sides) {
      if (side) side->expires_at = std::min(side->expires_at, now.monotonic);
    }
    allocation.ends_at = now.monotonic;
    schedule(allocation);
  }
  return false;
}

}  // namespace uturn
