// A peer's datagram: into a ChannelData message or a Data indication (RFC 8656, Sections 11.3
// and 12.7).
//
// Also: RFC 8656, Sections 9, 12.5 and 21.2.3.
#include "protocol/channel_data.h"
#include "protocol/data_indication.h"
#include "server/relay/counting.h"

namespace uturn {

// Within its only caller, where what becomes of the datagram is known when it is counted.
[[gnu::always_inline]] inline Outcome Relay::peer_data(RelayTag tag, const PeerAddress& peer,
                                                       const IpFields& ip, const Packet& packet,
                                                       Now now) {
  Allocation* const allocation = allocations_.find(tag.allocation);
  if (!allocation) return Drop{DropReason::no_allocation};
  const auto& side = allocation->side(tag.family);
  if (!side || is_past(side->expires_at, now)) return Drop{DropReason::no_allocation};

  const Permission* permission = side->permissions.find(peer.ip, now);
  if (!permission) return Drop{DropReason::no_permission};
  if (!may_pass(permission->check, peer, *allocation)) return Drop{DropReason::peer_forbidden};
  // Hops are counted from datagram to datagram only (RFC 8656, Sections 14 and 16).
  if (ip.ttl == 1 && !is_stream(allocation->five_tuple.transport)) {
    return Drop{DropReason::ttl_expired};
  }

  const Transport transport = allocation->five_tuple.transport;
  MutableBytes header;
  size_t padding = 0;
  if (const ChannelBinding* channel = allocation->channels.find(peer, now)) {
    if (packet.size() > kMaxChannelPayload) return Drop{DropReason::too_long};
    header = packet.header(kChannelHeaderSize);
    write_channel_header(header.first<kChannelHeaderSize>(), channel->number,
                         static_cast<uint16_t>(packet.size()));
    if (is_stream(transport)) padding = padding_of(packet.size());
  } else {
    if (packet.size() > kMaxIndicatedPayload) return Drop{DropReason::too_long};
    const TransportAddress shown = settings_.external.outward(peer);
    header = packet.header(data_indication_header_size(shown.ip));
    write_data_indication_header(header, transaction_ids_.next(), shown, packet.size());
    padding = padding_of(packet.size());
  }
  const size_t size = packet.size();
  if (!allocation->spend(Towards::client, size) && !draw(*allocation, Towards::client, size, now)) {
    return Drop{DropReason::bandwidth};
  }
  count_to_client(*allocation, *side, size, now);

  IpFields fields = onward(ip.dscp, ip.ecn, ip.ttl, false);
  fields.source = allocation->five_tuple.server.ip;
  return Outcome(std::in_place_type<Forward>, allocation->listener, allocation->five_tuple.client,
                 header, packet.bytes(), fields, static_cast<uint8_t>(padding), transport);
}

Outcome Relay::on_peer_packet(RelayTag tag, const PeerAddress& peer, const IpFields& ip,
                              const Packet& packet, Now now) {
  Outcome outcome = peer_data(tag, peer, ip, packet, now);
  if (!is_relayed(outcome)) count_unrelayed(outcome);
  return outcome;
}

}  // namespace uturn
