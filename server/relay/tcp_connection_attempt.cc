// ConnectionAttempt: a peer has connected to a TCP relayed transport address (RFC 6062,
// Section 5.3).
//
// Also: RFC 6062, Sections 3 and 7; RFC 8656, Section 9.
#include "server/relay/relay.h"

namespace uturn {

Outcome Relay::on_peer_connection(RelayTag tag, SocketId socket, const PeerAddress& peer, Now now) {
  Outcome outcome = connection_attempt(tag, socket, peer, now);
  if (const auto* drop = std::get_if<Drop>(&outcome)) {
    world_.tcp->sockets.close(socket);
    ++counters_.tcp_peers_closed[static_cast<size_t>(drop->why)];
  } else {
    ++counters_.tcp_attempts_told;
  }
  return outcome;
}

Outcome Relay::connection_attempt(RelayTag tag, SocketId socket, const PeerAddress& peer, Now now) {
  Allocation* const allocation = allocations_.find(tag.allocation);
  if (!allocation || !allocation->tcp) return Drop{DropReason::no_allocation};
  const auto& side = allocation->side(tag.family);
  if (!side || is_past(side->expires_at, now)) return Drop{DropReason::no_allocation};

  const Permission* permission = allocation->permissions(tag.family).find(peer.ip, now);
  if (!permission) return Drop{DropReason::no_permission};
  if (!may_connect(*allocation, {peer, permission->check})) {
    return Drop{DropReason::peer_forbidden};
  }
  // Two connections cannot live between the same two addresses: the earlier one has ended, though
  // nobody has told so yet.
  if (const auto earlier = allocation->tcp->find(peer)) {
    end_connection(*tcp_connections_.find(*earlier));
  }
  if (!has_room_for_connection(*allocation)) return Drop{DropReason::too_many_connections};

  const ConnectionId id = tcp_connections_.make_id(world_.random);
  TcpConnection& connection = add_connection(*allocation, {.id = id,
                                                           .allocation = allocation->id,
                                                           .peer = peer,
                                                           .socket = socket,
                                                           .state = TcpConnectionState::unbound,
                                                           .connect = {}});
  world_.tcp->sockets.keep(socket, id);
  set_timeout(connection, now.monotonic + kBindTimeout);

  MessageBuilder builder(world_.answers.lend(kAnswerSize), Method::connection_attempt,
                         MessageClass::indication, transaction_ids_.next());
  builder.add_xor_address(AttributeType::xor_peer_address, settings_.external.outward(peer));
  builder.add_u32(AttributeType::connection_id, id.value);
  IpFields ip;
  ip.source = allocation->five_tuple.server.ip;
  return Forward{.via = allocation->listener,
                 .to = allocation->five_tuple.client,
                 .header = {},
                 .payload = builder.finish(),
                 .ip = ip,
                 .transport = allocation->five_tuple.transport};
}

}  // namespace uturn
