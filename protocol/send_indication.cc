// Recognising the plain Send indication by its fixed positions.
#include "protocol/send_indication.h"

#include "protocol/attribute_header.h"
#include "protocol/attribute_type.h"
#include "protocol/attributes.h"
#include "protocol/message_view.h"
#include "protocol/method.h"
#include "protocol/xor_ipv4.h"

namespace uturn {
std::optional<SendIndication> read_plain_send_indication(Bytes datagram) {
  constexpr size_t kAddress = kStunHeaderSize + kAttributeHeaderSize;
  if (datagram.size() < kAddress) return std::nullopt;
  const uint8_t* const at = datagram.data();
  if (load_be16(at) != message_type(Method::send, MessageClass::indication)) return std::nullopt;
  if (load_be32(at + 4) != kMagicCookie) return std::nullopt;
  if (kStunHeaderSize + load_be16(at + 2) != datagram.size()) return std::nullopt;

  const uint32_t first = load_be32(at + kStunHeaderSize);
  size_t address_size = kXorIpv4Size;
  if (first != attribute_header(AttributeType::xor_peer_address, address_size)) {
    address_size = 20;
    if (first != attribute_header(AttributeType::xor_peer_address, address_size)) {
      return std::nullopt;
    }
  }
  const size_t data_at = kAddress + address_size + kAttributeHeaderSize;
  if (datagram.size() < data_at) return std::nullopt;
  const uint32_t second = load_be32(at + data_at - kAttributeHeaderSize);
  const size_t data_size = second & 0xFFFF;
  if (second != attribute_header(AttributeType::data, data_size)) return std::nullopt;
  if (data_at + data_size + padding_of(data_size) != datagram.size()) return std::nullopt;

  const Bytes data = datagram.subspan(data_at, data_size);
  if (address_size == kXorIpv4Size) {
    const auto peer = read_xor_ipv4(at + kAddress);
    if (!peer) return std::nullopt;
    return std::optional<SendIndication>(std::in_place, *peer, data);
  }
  TransactionId id;
  std::memcpy(id.bytes.data(), at + 8, id.bytes.size());
  const auto peer = decode_xor_address(datagram.subspan(kAddress, address_size), id);
  if (!peer) return std::nullopt;
  return std::optional<SendIndication>(std::in_place, *peer, data);
}

}  // namespace uturn
