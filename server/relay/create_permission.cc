// CreatePermission: many peers, all or nothing (RFC 8656, Section 10.2).
#include "protocol/peer_addresses.h"
#include "server/relay/relay.h"

namespace uturn {

Outcome Relay::create_permission(const Request& request) {
  Allocation& allocation = *request.allocation;

  // Is each of them valid (400)? Are there too many (508)? Only then: may each be talked to (443,
  // 403)?
  std::array<PeerAddress, kPeersPerRequest> shown;
  size_t count = 0;
  for (const auto address : PeerAddresses(request.message)) {
    if (!address) return reject(request, ErrorCode::bad_request);
    if (count < kPeersPerRequest) shown[count] = *address;
    ++count;
  }
  if (count == 0) return reject(request, ErrorCode::bad_request);
  if (count > kPeersPerRequest) return reject(request, ErrorCode::insufficient_capacity);

  std::array<std::optional<Peer>, kPeersPerRequest> peers;
  for (size_t i = 0; i < count; ++i) {
    const auto peer = admit(shown[i], allocation);
    if (!peer) return reject(request, peer.error());
    peers[i] = *peer;
  }

  for (const AddressFamily family : {AddressFamily::ipv4, AddressFamily::ipv6}) {
    std::array<IpAddress, kPeersPerRequest> wanted;
    size_t of_family = 0;
    for (size_t i = 0; i < count; ++i) {
      if (peers[i]->address.ip.family() == family) wanted[of_family++] = peers[i]->address.ip;
    }
    if (of_family == 0) continue;
    const uint32_t limit = settings_.limits.permissions_per_allocation;
    if (!allocation.permissions(family).has_room_for(std::span{wanted}.first(of_family), limit,
                                                     request.now)) {
      ++counters_.permissions_full;
      count_tables(allocation);  // looking for room has swept
      return reject(request, ErrorCode::insufficient_capacity);
    }
    if (!allocation.tcp && !receives_from_peers(allocation, family))
      return reject(request, ErrorCode::insufficient_capacity);
  }

  for (size_t i = 0; i < count; ++i) {
    const auto& [address, check] = *peers[i];
    allocation.permissions(address.ip.family()).install(address.ip, check, request.now);
    if (!allocation.tcp) expect_shortcuts(*peers[i]);
  }
  schedule(allocation);
  return success(request);
}

}  // namespace uturn
