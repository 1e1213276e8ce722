// Bandwidth: what may be relayed for an allocation, packet by packet, or read from a connection.
//
// Every allocation has credit for some bytes in each direction and spends it by one subtraction a
// packet. What is spent is drawn anew in lots, from its own bucket and from those that it shares
// with others of its user and of the server. Without any limit the credit never ends. The first
// packet finds none, whatever the limits: that is how an allocation is noticed to be used.
//
// On a stream nothing may be dropped: what there is no credit for is not read, and its sender finds
// the window closed.
#include <algorithm>
#include <utility>

#include "server/relay/relay.h"

namespace uturn {
namespace {

constexpr int64_t kJoinedLot = 65'536;   // taken at once where there is credit without end
constexpr int64_t kLeastToRead = 1'448;  // a segment: less is not worth a read and a write

int64_t first_credit(const Allocation& allocation) {
  return allocation.quota.has_bandwidth_limit() ? 0 : INT64_MAX;
}

}  // namespace

bool Relay::draw(Allocation& allocation, Towards towards, size_t bytes, Now now) {
  int64_t& credit = allocation.credit[static_cast<size_t>(towards)];
  const auto wanted = static_cast<int64_t>(bytes);
  // This packet has not been paid for yet.
  int64_t there = allocation.was_used ? credit + wanted : first_credit(allocation);
  BandwidthLimit limit{};
  if (there < wanted) there += allocation.quota.draw(towards, wanted - there, now.monotonic, limit);
  if (there >= wanted) {
    note_used(allocation);
    credit = there - wanted;
    return true;
  }
  credit = allocation.was_used ? there : Allocation::kUnused;
  ++counters_.bandwidth_drops[static_cast<size_t>(limit)];
  if (limit == BandwidthLimit::bytes) cut_off(allocation, now);
  return false;
}

void Relay::note_used(Allocation& allocation) {
  if (std::exchange(allocation.was_used, true)) return;
  allocation.credit.fill(first_credit(allocation));
  ++counters_.allocations_used;
  ++allocation.traffic_class->allocations_used;
}

// There will never be any more.
void Relay::cut_off(Allocation& allocation, Now now) {
  for (auto& side : allocation.sides) {
    if (side) side->expires_at = std::min(side->expires_at, now.monotonic);
  }
  allocation.ends_at = now.monotonic;
  schedule(allocation);
}

// One pass over the table, where the limits are others than before: one that is new counts from
// here on, and one that is gone holds nobody any more.
void Relay::adjust_bandwidth() {
  const uint32_t version = world_.quota.version();
  if (std::exchange(quota_version_, version) == version) return;
  allocations_.for_each([](Allocation& allocation) {
    const bool was_limited = allocation.quota.has_bandwidth_limit();
    allocation.quota.adjust();
    const bool is_limited = allocation.quota.has_bandwidth_limit();
    if (allocation.was_used && is_limited != was_limited) {
      allocation.credit.fill(first_credit(allocation));
    }
  });
}

size_t Relay::on_credit_wanted(ConnectionId id, Towards towards, bool waits, Now now) {
  const TcpConnection* const connection = tcp_connections_.find(id);
  if (!connection) return 0;
  Allocation& allocation = *allocations_.find(connection->allocation);
  if (is_past(allocation.expires_at(), now)) return 0;
  int64_t& credit = allocation.credit[static_cast<size_t>(towards)];
  BandwidthLimit limit{};
  if (credit < kLeastToRead) {  // and where more was read than there was, that comes first
    const int64_t needed = std::min(kLeastToRead - credit, kLeastToRead);
    credit += allocation.quota.draw(towards, needed, now.monotonic, limit, LastBytes::drawn);
  }
  if (credit > 0) {
    const int64_t given = std::min(credit, kJoinedLot);
    credit -= given;
    return static_cast<size_t>(given);
  }
  if (!waits) ++counters_.bandwidth_drops[static_cast<size_t>(limit)];
  if (limit == BandwidthLimit::bytes) cut_off(allocation, now);
  return 0;
}

size_t Relay::on_bytes_joined(ConnectionId id, Towards towards, size_t bytes, int64_t left,
                              Now now) {
  const TcpConnection* const connection = tcp_connections_.find(id);
  if (!connection) return 0;
  Allocation& allocation = *allocations_.find(connection->allocation);
  if (bytes > 0) count_joined(allocation, connection->peer.ip.family(), towards, bytes, now);
  if (left > 0 && !allocation.quota.has_bandwidth_limit()) return static_cast<size_t>(left);
  int64_t& credit = allocation.credit[static_cast<size_t>(towards)];
  credit += left;
  if (credit > 0 && allocation.quota.has_bandwidth_limit()) {  // others may have more to say
    allocation.quota.give_back(towards, std::exchange(credit, 0));
  }
  return 0;
}

}  // namespace uturn
