// Decoding and encoding of attribute values.
//
// Also: RFC 5780, Sections 7.1 and 7.5; RFC 6062, Section 6.2.1; RFC 8489, Section 14.15; RFC
// 8656, Sections 18.1, 18.2, 18.3, 18.8 and 18.10.
#include "protocol/attributes.h"

#include "protocol/xor_ipv4.h"

namespace uturn {
namespace {

constexpr size_t kAddressHeadSize = 4;  // a zero byte, family, port
constexpr size_t kIpv4ValueSize = kXorIpv4Size;
constexpr size_t kIpv6ValueSize = kAddressHeadSize + 16;

/// What an IPv6 address is XORed with: the port with the first half of the cookie, the IP address
/// with the cookie and the transaction id (RFC 8489, Section 14.2).
void apply_mask(std::span<uint8_t, kIpv6ValueSize> value, const TransactionId& id) {
  uint8_t* const port = value.data() + 2;
  store_be16(port, static_cast<uint16_t>(load_be16(port) ^ kMagicCookie >> 16));
  uint8_t* const ip = value.data() + kAddressHeadSize;
  store_be32(ip, load_be32(ip) ^ kMagicCookie);
  for (size_t at = 0; at < id.bytes.size(); at += 4) {
    store_be32(ip + 4 + at, load_be32(ip + 4 + at) ^ load_be32(id.bytes.data() + at));
  }
}

std::optional<AddressFamily> family_of(uint8_t byte) {
  if (byte == static_cast<uint8_t>(AddressFamily::ipv4)) return AddressFamily::ipv4;
  if (byte == static_cast<uint8_t>(AddressFamily::ipv6)) return AddressFamily::ipv6;
  return std::nullopt;
}

/// Class and number of ERROR-CODE and ADDRESS-ERROR-CODE, and the phrase behind them.
std::optional<ErrorValue> decode_class_number_reason(Bytes value) {
  if (value.size() < 4 || value.size() - 4 > kMaxTextOnReceipt) return std::nullopt;
  const uint8_t error_class = value[2] & 0x07;
  const uint8_t number = value[3];
  if (error_class < 3 || error_class > 6 || number > 99) return std::nullopt;
  return ErrorValue{static_cast<uint16_t>(error_class * 100 + number), text_of(value.subspan(4))};
}

}  // namespace

std::optional<TransportAddress> decode_xor_address(Bytes value, const TransactionId& id) {
  if (value.size() == kIpv4ValueSize) return read_xor_ipv4(value.data());
  if (value.size() != kIpv6ValueSize) return std::nullopt;
  std::array<uint8_t, kIpv6ValueSize> plain;
  std::memcpy(plain.data(), value.data(), plain.size());
  apply_mask(plain, id);
  return decode_address(plain);
}

std::optional<TransportAddress> decode_address(Bytes value) {
  if (value.size() < kAddressHeadSize) return std::nullopt;
  const auto family = family_of(value[1]);
  if (!family) return std::nullopt;

  const uint16_t port = load_be16(value.data() + 2);
  const Bytes ip = value.subspan(kAddressHeadSize);
  if (*family == AddressFamily::ipv4) {
    if (ip.size() != 4) return std::nullopt;
    return TransportAddress{IpAddress::v4(ip.first<4>()), port};
  }
  if (ip.size() != 16) return std::nullopt;
  return TransportAddress{IpAddress::v6(ip.first<16>()), port};
}

size_t encode_xor_address(const TransportAddress& address, const TransactionId& id,
                          std::span<uint8_t, 20> out) {
  if (address.ip.is_v4()) {
    write_xor_ipv4(address, out.data());
    return kIpv4ValueSize;
  }
  const size_t size = encode_address(address, out);
  apply_mask(out, id);
  return size;
}

size_t encode_address(const TransportAddress& address, std::span<uint8_t, 20> out) {
  store_be32(out.data(), static_cast<uint32_t>(address.ip.family()) << 16 | address.port);
  const Bytes ip = address.ip.bytes();
  uint8_t* const at = out.data() + kAddressHeadSize;
  if (address.ip.is_v4()) {
    std::memcpy(at, ip.data(), 4);
    return kIpv4ValueSize;
  }
  std::memcpy(at, ip.data(), 16);
  return kIpv6ValueSize;
}

std::optional<uint32_t> decode_u32(Bytes value) {
  if (value.size() != 4) return std::nullopt;
  return load_be32(value.data());
}

std::optional<AddressFamily> decode_family(Bytes value) {
  if (value.size() != 4) return std::nullopt;
  return family_of(value[0]);
}

std::optional<uint8_t> decode_requested_transport(Bytes value) {
  if (value.size() != 4) return std::nullopt;
  return value[0];
}

std::optional<bool> decode_even_port(Bytes value) {
  if (value.size() != 1) return std::nullopt;
  return (value[0] & 0x80) != 0;
}

std::optional<uint16_t> decode_channel_number(Bytes value) {
  if (value.size() != 4) return std::nullopt;
  return load_be16(value.data());
}

std::optional<uint64_t> decode_reservation_token(Bytes value) {
  if (value.size() != 8) return std::nullopt;
  return load_be64(value.data());
}

std::optional<ChangeRequest> decode_change_request(Bytes value) {
  if (value.size() != 4) return std::nullopt;
  return ChangeRequest{.change_ip = (value[3] & 0x04) != 0, .change_port = (value[3] & 0x02) != 0};
}

std::optional<uint16_t> decode_response_port(Bytes value) {
  if (value.size() != 4) return std::nullopt;
  return load_be16(value.data());
}

std::optional<ErrorValue> decode_error_code(Bytes value) {
  return decode_class_number_reason(value);
}

std::optional<AddressErrorValue> decode_address_error_code(Bytes value) {
  const auto error = decode_class_number_reason(value);
  if (!error) return std::nullopt;
  const auto family = family_of(value[0]);
  if (!family) return std::nullopt;
  return AddressErrorValue{*family, error->code, error->reason};
}

std::optional<IcmpValue> decode_icmp(Bytes value) {
  if (value.size() != 8) return std::nullopt;
  return IcmpValue{.type = value[2], .code = value[3], .error_data = load_be32(value.data() + 4)};
}

namespace {

/// The algorithm at the front of `value`, and how far it reaches. The padding of the last one's
/// parameters may be the attribute's own.
struct AlgorithmAtFront {
  PasswordAlgorithmValue algorithm;
  size_t consumed = 0;
};
std::optional<AlgorithmAtFront> algorithm_at_front(Bytes value) {
  if (value.size() < 4) return std::nullopt;
  const size_t parameters_size = load_be16(value.data() + 2);
  if (parameters_size > value.size() - 4) return std::nullopt;
  const size_t padded_size = 4 + parameters_size + padding_of(parameters_size);
  return AlgorithmAtFront{{load_be16(value.data()), value.subspan(4, parameters_size)},
                          std::min(padded_size, value.size())};
}

}  // namespace

std::optional<PasswordAlgorithmValue> decode_password_algorithm(Bytes value) {
  const auto front = algorithm_at_front(value);
  if (!front || front->consumed != value.size()) return std::nullopt;
  return front->algorithm;
}

std::optional<PasswordAlgorithmsValue> decode_password_algorithms(Bytes value) {
  PasswordAlgorithmsValue algorithms;
  while (!value.empty()) {
    const auto front = algorithm_at_front(value);
    if (!front) return std::nullopt;
    if (algorithms.size < algorithms.kMax) algorithms.list[algorithms.size++] = front->algorithm;
    value = value.subspan(front->consumed);
  }
  if (algorithms.size == 0) return std::nullopt;
  return algorithms;
}

std::optional<TransmitCounter> decode_transmit_counter(Bytes value) {
  if (value.size() != 4) return std::nullopt;
  return TransmitCounter{.request = value[2], .response = value[3]};
}

}  // namespace uturn
