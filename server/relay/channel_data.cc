// ChannelData from a client: four bytes off, and on to the peer (RFC 8656, Section 12.6).
#include "protocol/channel_data.h"

#include "server/relay/counting.h"

namespace uturn {

Outcome Relay::channel_data(const Arrival& arrival, const Packet& packet, Now now) {
  const auto message = parse_channel_data(packet.bytes());
  if (!message) return Drop{DropReason::malformed_channel_data};
  if (!message->channel.is_in(settings_.channels)) return Drop{DropReason::reserved_channel};

  Allocation* const allocation = living(arrival.five_tuple, now);
  if (!allocation) return Drop{DropReason::no_allocation};
  const ChannelBinding* channel = allocation->channels.find(message->channel, now);
  if (!channel) return Drop{DropReason::no_channel};
  if (!may_pass(channel->check, channel->peer, *allocation))
    return Drop{DropReason::peer_forbidden};
  if (arrival.ttl == 1) return Drop{DropReason::ttl_expired};

  const size_t size = message->data.size();
  if (!allocation->spend(Towards::peer, size) && !draw(*allocation, Towards::peer, size, now)) {
    return Drop{DropReason::bandwidth};
  }
  const RelayedSide& side = *allocation->side(channel->peer.ip.family());
  count_to_peer(*allocation, side, size, now);
  return to_peer({side.socket,
                  channel->peer,
                  {},
                  message->data,
                  onward(arrival.dscp, arrival.ecn, arrival.ttl, false)},
                 channel->check, side.port.address());
}

}  // namespace uturn
