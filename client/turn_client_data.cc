// TurnClient: data to peers and from peers.
//
// Also: RFC 8489, Section 6.3.2.
#include <algorithm>
#include <utility>

#include "client/response.h"
#include "client/turn_client.h"
#include "protocol/attributes.h"
#include "protocol/fingerprint.h"
#include "protocol/message_builder.h"

namespace uturn {

std::optional<Bytes> TurnClient::send(const PeerAddress& peer, Bytes data, MutableBytes out,
                                      Now now) const {
  if (const auto datagram = send_on_channel(peer, data, out, now)) return datagram;
  return send_indication(peer, data, out, now);
}

std::optional<Bytes> TurnClient::send_on_channel(const PeerAddress& peer, Bytes data,
                                                 MutableBytes out, Now now) const {
  const Channel* channel = channels_.find(peer);
  if (!channel || !channel->is_active(now)) return std::nullopt;
  // Padded on a stream only, and the length does not count it (RFC 8656, Section 12.5).
  const size_t padding = settings_.reliable ? (4 - data.size() % 4) % 4 : 0;
  const size_t size = kChannelHeaderSize + data.size() + padding;
  if (data.size() > UINT16_MAX || size > out.size()) return std::nullopt;
  write_channel_header(out.first<kChannelHeaderSize>(), channel->number,
                       static_cast<uint16_t>(data.size()));
  std::ranges::copy(data, out.begin() + kChannelHeaderSize);
  std::ranges::fill(out.first(size).last(padding), uint8_t{0});
  return out.first(size);
}

// Only where a permission is confirmed: nobody shall send anywhere through a server on our behalf
// (RFC 8656, Section 11.1).
std::optional<Bytes> TurnClient::send_indication(const PeerAddress& peer, Bytes data,
                                                 MutableBytes out, Now now,
                                                 bool dont_fragment) const {
  if (state_ != State::allocated || !permissions_.is_active(peer.ip, now)) return std::nullopt;
  TransactionId id;
  random_->fill(id.bytes);
  MessageBuilder indication{out, Method::send, MessageClass::indication, id};
  indication.add_xor_address(AttributeType::xor_peer_address, peer);
  if (dont_fragment) indication.add_flag(AttributeType::dont_fragment);
  indication.add(AttributeType::data, data);
  if (indication.overflowed()) return std::nullopt;
  return indication.finish();
}

void TurnClient::handle(MutableBytes datagram, Now now) {
  if (datagram.empty()) return;
  if (!looks_like_stun(datagram[0])) {
    on_channel_data(datagram, now);
    return;
  }
  const auto message = MessageView::parse(datagram);
  if (!message || !fingerprint_is_absent_or_right(*message)) return;
  switch (message->message_class()) {
    case MessageClass::success:
    case MessageClass::error:
      on_response(*message, now);
      break;
    case MessageClass::indication:
      if (message->method() == Method::data) on_data_indication(*message, now);
      break;
    case MessageClass::request:
      break;  // a client is asked nothing
  }
}

// RFC 8656, Sections 11.4 and 11.6.
void TurnClient::on_data_indication(const MessageView& indication, Now now) {
  if (has_unknown_required_attribute(indication)) return;
  const auto peer = indication.find(AttributeType::xor_peer_address);
  if (!peer) return;
  const auto address = decode_xor_address(peer->value, indication.transaction_id());
  // Protects against whoever tricked the server into a permission we do not want.
  if (!address || !permissions_.is_expected(address->ip, now)) return;
  if (const auto icmp = indication.find(AttributeType::icmp)) {
    const auto value = decode_icmp(icmp->value);
    if (value) emit(PeerUnreachable{peer_address(*address), *value});
  } else if (const auto data = indication.find(AttributeType::data)) {
    emit(PeerDatagram{peer_address(*address), data->value, std::nullopt});
  }
}

// RFC 8656, Section 12.6. Data may overtake the ChannelBind success response (Section 12).
void TurnClient::on_channel_data(MutableBytes datagram, Now now) {
  const auto frame = parse_channel_data(datagram);
  if (!frame) return;
  const Channel* channel = channels_.find(frame->channel);
  if (!channel) return;
  const bool is_active = channel->is_active(now) && permissions_.is_expected(channel->peer.ip, now);
  if (!channel->under_way && !is_active) return;
  emit(PeerDatagram{channel->peer, frame->data, frame->channel});
}

}  // namespace uturn
