// Writing the header of a Data indication.
#include "protocol/data_indication.h"

#include "protocol/attribute_type.h"
#include "protocol/attributes.h"
#include "protocol/method.h"

namespace uturn {

void write_data_indication_header(MutableBytes out, const TransactionId& id,
                                  const TransportAddress& peer, size_t payload_size) {
  const size_t size = data_indication_header_size(peer.ip);
  CHECK(out.size() == size && payload_size <= kMaxIndicatedPayload);
  uint8_t* const at = out.data();
  const size_t length = size - kStunHeaderSize + payload_size + padding_of(payload_size);
  store_be16(at, message_type(Method::data, MessageClass::indication));
  store_be16(at + 2, static_cast<uint16_t>(length));
  store_be32(at + 4, kMagicCookie);
  std::ranges::copy(id.bytes, at + 8);

  const size_t address_size = peer.ip.is_v4() ? 8 : 20;
  std::array<uint8_t, 20> address;
  encode_xor_address(peer, id, address);
  store_be16(at + 20, static_cast<uint16_t>(AttributeType::xor_peer_address));
  store_be16(at + 22, static_cast<uint16_t>(address_size));
  std::copy_n(address.begin(), address_size, at + 24);

  store_be16(at + 24 + address_size, static_cast<uint16_t>(AttributeType::data));
  store_be16(at + 26 + address_size, static_cast<uint16_t>(payload_size));
}

}  // namespace uturn
