// RelayFlow: headers written beforehand.
#include "client/tools/bench/relay_flow.h"

#include "protocol/message_builder.h"

namespace uturn {

FlowHeader FlowHeader::channel_data(ChannelNumber channel) {
  FlowHeader header;
  header.size_ = kChannelHeaderSize;
  write_channel_header(std::span{header.bytes_}.first<kChannelHeaderSize>(), channel, 0);
  return header;
}

FlowHeader FlowHeader::send_indication(const PeerAddress& peer, const TransactionId& id) {
  FlowHeader header;
  MessageBuilder indication{header.bytes_, Method::send, MessageClass::indication, id};
  indication.add_xor_address(AttributeType::xor_peer_address, peer);
  indication.add(AttributeType::data, {});
  CHECK(!indication.overflowed());
  header.size_ = static_cast<uint8_t>(indication.size());
  return header;
}

void FlowHeader::write(uint8_t* out, size_t payload) const {
  if (size_ == 0) return;
  std::memcpy(out, bytes_.data(), size_);
  // Both kinds have a length at their third byte; of an indication it is the message's, and DATA,
  // the last attribute, has its own.
  if (size_ == kChannelHeaderSize) {
    store_be16(out + 2, static_cast<uint16_t>(payload));
  } else {
    const size_t message = size_ - kStunHeaderSize + payload + padding_of(payload);
    store_be16(out + 2, static_cast<uint16_t>(message));
    store_be16(out + size_ - 2, static_cast<uint16_t>(payload));
  }
}

}  // namespace uturn
