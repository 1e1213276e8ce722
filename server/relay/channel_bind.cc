// ChannelBind: a number for a peer, and a permission with it (RFC 8656, Section 12.2).
//
// Also: RFC 8656, Section 12.1.
#include "server/relay/relay.h"

namespace uturn {

Outcome Relay::channel_bind(const Request& request) {
  Allocation& allocation = *request.allocation;
  // Peers of a TCP allocation have connections (RFC 6062, Section 3), and channels carry datagrams.
  if (allocation.tcp) return reject(request, ErrorCode::forbidden);

  const auto number_attribute = request.message.find(AttributeType::channel_number);
  const auto peer_attribute = request.message.find(AttributeType::xor_peer_address);
  if (!number_attribute || !peer_attribute) return reject(request, ErrorCode::bad_request);

  const auto raw = decode_channel_number(number_attribute->value);
  const auto number = raw ? ChannelNumber::from_wire(*raw) : std::nullopt;
  if (!number || !number->is_in(settings_.channels)) return reject(request, ErrorCode::bad_request);

  const auto shown = decode_xor_address(peer_attribute->value, request.message.transaction_id());
  if (!shown || shown->port == 0) return reject(request, ErrorCode::bad_request);

  const PeerAddress local = peer_address(settings_.external.inward(*shown, held_));
  const ChannelBinding* of_number = allocation.channels.find(*number, request.now);
  const ChannelBinding* of_peer = allocation.channels.find(local, request.now);
  if (of_number != of_peer) return reject(request, ErrorCode::bad_request);

  const auto peer = admit(peer_address(*shown), allocation);
  if (!peer) return reject(request, peer.error());
  // A service of ours at this very port; an own relay port may come to be held later, and is asked
  // then.
  if (policy_of(allocation).is_own_service(peer->address))
    return reject(request, ErrorCode::forbidden);

  const IpAddress& ip = peer->address.ip;
  PermissionTable& permissions = allocation.side(ip.family())->permissions;
  const Limits& limits = settings_.limits;
  if (!of_number && !allocation.channels.has_room(limits.channels_per_allocation, request.now)) {
    ++counters_.channels_full;
    count_tables(allocation);  // looking for room has swept
    return reject(request, ErrorCode::insufficient_capacity);
  }
  if (!permissions.has_room_for(std::span{&ip, 1}, limits.permissions_per_allocation,
                                request.now)) {
    ++counters_.permissions_full;
    count_tables(allocation);
    return reject(request, ErrorCode::insufficient_capacity);
  }

  if (!receives_from_peers(allocation, ip.family()))
    return reject(request, ErrorCode::insufficient_capacity);

  allocation.channels.bind(*number, peer->address, peer->check, request.now);
  permissions.install(ip, peer->check, request.now);
  expect_shortcuts(*peer);
  schedule(allocation);
  return success(request);
}

}  // namespace uturn
