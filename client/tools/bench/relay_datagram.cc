// Relay datagram: unpacked.
#include "client/tools/bench/relay_datagram.h"

#include "protocol/channel_data.h"
#include "protocol/message_view.h"

namespace uturn {

std::optional<Bytes> relayed_data_in(MutableBytes datagram) {
  if (datagram.empty()) return std::nullopt;
  if (!looks_like_stun(datagram[0])) {
    const auto frame = parse_channel_data(datagram);
    if (!frame) return std::nullopt;
    return frame->data;
  }
  const auto message = MessageView::parse(datagram);
  if (!message || message->message_class() != MessageClass::indication) return std::nullopt;
  if (message->method() != Method::data) return std::nullopt;
  return message->value(AttributeType::data);
}

std::optional<Bytes> forwarded_data_in(Bytes datagram) {
  if (text_of(datagram).starts_with(kForwarderSetUp)) return std::nullopt;
  return datagram;
}

// ICMP type 3, codes 2 and 3; ICMPv6 type 1, code 4.
bool is_hard_error(const IcmpError& error) {
  if (!error.destination.ip.is_v4()) return error.type == 1 && error.code == 4;
  return error.type == 3 && (error.code == 2 || error.code == 3);
}

}  // namespace uturn
