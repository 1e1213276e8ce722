// Reads all that can be read from bytes of unknown origin, and stops the process when a promise of
// the views is broken. Used by property tests and fuzz targets, on buffers of exactly the right
// size, so that the address sanitizer sees a read outside.
#pragma once

#include <memory>

#include "protocol/attributes.h"
#include "protocol/channel_data.h"
#include "protocol/fingerprint.h"
#include "protocol/message_integrity.h"
#include "protocol/message_view.h"
#include "protocol/peer_addresses.h"
#include "protocol/send_indication.h"
#include "protocol/stream_framing.h"
#include "protocol/unknown_attributes.h"

namespace uturn {

/// Bytes on the heap with nothing before and behind them, at an odd address where asked for
/// (CVE-2026-40613: aligned loads where nothing is aligned).
class ExactCopy {
 public:
  explicit ExactCopy(Bytes bytes, bool misaligned = false)
      : shift_(misaligned ? 1 : 0),
        size_(bytes.size()),
        memory_(std::make_unique<uint8_t[]>(size_ + shift_)) {
    std::ranges::copy(bytes, memory_.get() + shift_);
  }
  MutableBytes bytes() { return {memory_.get() + shift_, size_}; }

 private:
  size_t shift_;
  size_t size_;
  std::unique_ptr<uint8_t[]> memory_;
};

/// Every byte is added up, so that no read can be optimised away.
inline uint64_t read_bytes(Bytes bytes) {
  uint64_t sum = bytes.size();
  for (const uint8_t byte : bytes) sum = sum * 31 + byte;
  return sum;
}

/// Every decoder on every value: a hostile sender puts any value under any type.
inline uint64_t read_value(Bytes value, const TransactionId& id) {
  uint64_t sum = read_bytes(value);
  if (const auto address = decode_xor_address(value, id)) {
    std::array<uint8_t, 20> again;
    const size_t size = encode_xor_address(*address, id, again);
    CHECK(equal(Bytes{again}.first(size).subspan(1), value.subspan(1)));
  }
  if (const auto address = decode_address(value)) {
    std::array<uint8_t, 20> again;
    const size_t size = encode_address(*address, again);
    CHECK(equal(Bytes{again}.first(size).subspan(1), value.subspan(1)));
  }
  sum += decode_u32(value).value_or(1);
  sum += static_cast<uint64_t>(decode_family(value).value_or(AddressFamily::ipv4));
  sum += decode_requested_transport(value).value_or(1);
  sum += decode_even_port(value).value_or(true);
  sum += decode_channel_number(value).value_or(1);
  sum += decode_reservation_token(value).value_or(1);
  sum += decode_change_request(value).value_or(ChangeRequest{}).change_ip;
  sum += decode_response_port(value).value_or(1);
  sum += decode_icmp(value).value_or(IcmpValue{}).error_data;
  sum += decode_transmit_counter(value).value_or(TransmitCounter{}).request;
  if (const auto error = decode_error_code(value)) {
    CHECK(error->code >= 300 && error->code <= 699);
    sum += read_bytes(bytes_of(error->reason));
  }
  if (const auto error = decode_address_error_code(value)) sum += error->code;
  if (const auto algorithm = decode_password_algorithm(value))
    sum += read_bytes(algorithm->parameters);
  if (const auto algorithms = decode_password_algorithms(value)) {
    for (size_t i = 0; i < algorithms->size; ++i) sum += read_bytes(algorithms->list[i].parameters);
  }
  if (const auto unknown = decode_unknown_attributes(value)) sum += unknown->types().size();
  return sum;
}

inline uint64_t read_message(Bytes bytes) {
  const auto message = MessageView::parse(bytes);
  const auto plain = read_plain_send_indication(bytes);
  CHECK(!plain || message);  // what the short way reads, the long one reads too
  if (!message) return static_cast<uint64_t>(message.error());
  if (plain) {
    CHECK(message->method() == Method::send);
    CHECK(decode_xor_address(message->value(AttributeType::xor_peer_address).value_or(Bytes{}),
                             message->transaction_id()) == plain->peer);
    CHECK(message->value(AttributeType::data)->data() == plain->data.data());
    CHECK(message->value(AttributeType::data)->size() == plain->data.size());
  }

  uint64_t sum = message->has(AttributeType::nonce);
  size_t count = 0;
  bool after_integrity = false;
  for (const AttributeView attribute : *message) {
    const bool special = attribute.type == AttributeType::message_integrity ||
                         attribute.type == AttributeType::message_integrity_sha256 ||
                         attribute.type == AttributeType::fingerprint;
    CHECK(special || !after_integrity);
    after_integrity = after_integrity || special;
    CHECK(message->find(attribute.type));
    sum += read_value(attribute.value, message->transaction_id());
    ++count;
  }
  CHECK(count <= kMaxAttributes);
  sum += read_bytes(bytes_of(message->text(AttributeType::username).value_or("")));
  for (const auto& peer : PeerAddresses(*message)) sum += peer ? peer->port : 1;
  sum += unknown_attributes(*message, [](AttributeType) { return false; }).types().size();

  const Bytes key = bytes_of("key");
  sum += verify_integrity(*message, key);
  sum += verify_integrity_sha256(*message, key) + verify_integrity_sha256(*message, key, true);
  return sum + fingerprint_is_absent_or_right(*message);
}

inline uint64_t read_channel_data(MutableBytes bytes) {
  const auto channel_data = parse_channel_data(bytes);
  if (!channel_data) return 0;
  const ChannelNumber channel = channel_data->channel;
  CHECK(channel.is_in(ChannelRange::rfc5766));
  std::array<uint8_t, 4> header;
  write_channel_header(header, channel, static_cast<uint16_t>(channel_data->data.size()));
  CHECK(equal(header, Bytes{bytes}.first(4)));
  return read_bytes(channel_data->data);
}

}  // namespace uturn
