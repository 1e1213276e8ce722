// Send: an indication with data for a peer (RFC 8656, Section 11.2).
//
// Also: RFC 8656, Section 5.
#include "protocol/unknown_attributes.h"
#include "server/relay/counting.h"

namespace uturn {

Outcome Relay::send(const Arrival& arrival, const MessageView& message, Now now) {
  if (!living(arrival.five_tuple, now)) return Drop{DropReason::no_allocation};

  std::optional<AttributeView> peer_attribute;
  std::optional<AttributeView> data;
  bool dont_fragment = false;
  for (const AttributeView attribute : message) {
    switch (attribute.type) {
      case AttributeType::xor_peer_address:
        if (!peer_attribute) peer_attribute = attribute;
        break;
      case AttributeType::data:
        if (!data) data = attribute;
        break;
      case AttributeType::dont_fragment:
        dont_fragment = true;
        break;
      default:
        if (is_comprehension_required(attribute.type) && !is_known(attribute.type)) {
          return Drop{DropReason::unknown_attribute};
        }
    }
  }
  if (!peer_attribute || !data) return Drop{DropReason::malformed_indication};
  const auto shown = decode_xor_address(peer_attribute->value, message.transaction_id());
  if (!shown) return Drop{DropReason::malformed_indication};
  return send(arrival, {*shown, data->value, dont_fragment}, now);
}

Outcome Relay::send(const Arrival& arrival, const SendIndication& indication, Now now) {
  Allocation* const allocation = living(arrival.five_tuple, now);
  if (!allocation) return Drop{DropReason::no_allocation};
  if (indication.peer.port == 0) return Drop{DropReason::malformed_indication};

  const PeerAddress peer = peer_address(settings_.external.inward(indication.peer, held_));
  const auto& side = allocation->side(peer.ip.family());
  if (!side) return Drop{DropReason::wrong_family};
  const Permission* permission = side->permissions.find(peer.ip, now);
  if (!permission) {
    return Drop{allocation->tcp ? DropReason::wrong_transport : DropReason::no_permission};
  }
  if (!may_pass(permission->check, peer, *allocation)) return Drop{DropReason::peer_forbidden};
  if (arrival.ttl == 1) return Drop{DropReason::ttl_expired};

  const size_t size = indication.data.size();
  if (!allocation->spend(Towards::peer, size) && !draw(*allocation, Towards::peer, size, now)) {
    return Drop{DropReason::bandwidth};
  }
  count_to_peer(*allocation, *side, size, now);
  // Of datagrams DONT-FRAGMENT counts from IPv4 to IPv4 only (RFC 8656, Section 14); any
  // translation, IPv6 to IPv6 among them, ignores it (Section 13). From a stream it counts always:
  // no header of the client's says anything else (Section 15).
  const auto is_translation = [&] {
    return !is_stream(arrival.five_tuple.transport) &&
           (!arrival.five_tuple.client.ip.is_v4() || !peer.ip.is_v4());
  };
  return to_peer({side->socket,
                  peer,
                  {},
                  indication.data,
                  onward(arrival.dscp, arrival.ecn, arrival.ttl,
                         indication.dont_fragment && !is_translation())},
                 permission->check, side->port.address());
}

}  // namespace uturn
