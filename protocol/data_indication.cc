// Writing the header of a Data indication.
#include "protocol/data_indication.h"

#include "protocol/attribute_header.h"
#include "protocol/attribute_type.h"
#include "protocol/attributes.h"
#include "protocol/method.h"
#include "protocol/xor_ipv4.h"

namespace uturn {
void write_data_indication_header(MutableBytes out, const TransactionId& id,
                                  const TransportAddress& peer, size_t payload_size) {
  const size_t size = data_indication_header_size(peer.ip);
  CHECK(out.size() == size && payload_size <= kMaxIndicatedPayload);
  uint8_t* const at = out.data();
  const size_t length = size - kStunHeaderSize + payload_size + padding_of(payload_size);
  store_be32(at, uint32_t{message_type(Method::data, MessageClass::indication)} << 16 |
                     static_cast<uint32_t>(length));
  store_be32(at + 4, kMagicCookie);
  std::memcpy(at + 8, id.bytes.data(), id.bytes.size());

  uint8_t* const address = at + kStunHeaderSize + kAttributeHeaderSize;
  size_t address_size = kXorIpv4Size;
  if (peer.ip.is_v4()) {
    write_xor_ipv4(peer, address);
  } else {
    address_size = encode_xor_address(peer, id, std::span<uint8_t, 20>{address, 20});
  }
  store_be32(at + kStunHeaderSize, attribute_header(AttributeType::xor_peer_address, address_size));
  store_be32(address + address_size, attribute_header(AttributeType::data, payload_size));
}

}  // namespace uturn
