// Decoding and encoding of attribute values.
//
// Also: RFC 5780, Sections 7.1 and 7.5; RFC 6062, Section 6.2.1; RFC 8489, Section 14.15; RFC
// 8656, Sections 18.1, 18.2, 18.3, 18.8 and 18.10.
#include "protocol/attributes.h"

namespace uturn {
namespace {

constexpr size_t kAddressHeadSize = 4;  // a zero byte, family, port

/// The cookie and the transaction id: what IPv6 addresses are XORed with, and by its first bytes
/// ports and IPv4 addresses (RFC 8489, Section 14.2).
std::array<uint8_t, 16> xor_mask(const TransactionId& id) {
  std::array<uint8_t, 16> mask;
  store_be32(mask.data(), kMagicCookie);
  std::ranges::copy(id.bytes, mask.begin() + 4);
  return mask;
}

TransportAddress masked(const TransportAddress& address, const TransactionId& id) {
  const auto mask = xor_mask(id);
  std::array<uint8_t, 16> ip{};
  const Bytes given = address.ip.bytes();
  for (size_t i = 0; i < given.size(); ++i) ip[i] = given[i] ^ mask[i];
  return {address.ip.is_v4() ? IpAddress::v4(std::span{ip}.first<4>()) : IpAddress::v6(ip),
          static_cast<uint16_t>(address.port ^ kMagicCookie >> 16)};
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
  const auto address = decode_address(value);
  if (!address) return std::nullopt;
  return masked(*address, id);
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
  return encode_address(masked(address, id), out);
}

size_t encode_address(const TransportAddress& address, std::span<uint8_t, 20> out) {
  out[0] = 0;
  out[1] = static_cast<uint8_t>(address.ip.family());
  store_be16(out.data() + 2, address.port);
  const Bytes ip = address.ip.bytes();
  std::ranges::copy(ip, out.begin() + kAddressHeadSize);
  return kAddressHeadSize + ip.size();
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
