// The value of an XOR address attribute with an IPv4 address, as one word: what is done for each
// datagram that an indication carries (RFC 8489, Section 14.2).
#pragma once

#include <optional>

#include "protocol/bytes.h"
#include "protocol/message_view.h"
#include "protocol/transport_address.h"

namespace uturn {

inline constexpr size_t kXorIpv4Size = 8;  ///< a zero byte, family, port (2), IP address (4)

namespace detail {

inline constexpr uint64_t kIpv4Head = uint64_t{static_cast<uint8_t>(AddressFamily::ipv4)} << 48;
/// The port with the first half of the cookie, the IP address with all of it.
inline constexpr uint64_t kIpv4Mask = uint64_t{kMagicCookie >> 16} << 32 | kMagicCookie;

}  // namespace detail

/// `address` is an IPv4 address; `out` has kXorIpv4Size bytes.
inline void write_xor_ipv4(const TransportAddress& address, uint8_t* out) {
  const uint64_t plain =
      detail::kIpv4Head | uint64_t{address.port} << 32 | load_be32(address.ip.bytes().data());
  store_be64(out, plain ^ detail::kIpv4Mask);
}

/// Of kXorIpv4Size bytes. Nothing where the family says otherwise; the first byte is ignored.
inline std::optional<TransportAddress> read_xor_ipv4(const uint8_t* value) {
  if (value[1] != static_cast<uint8_t>(AddressFamily::ipv4)) return std::nullopt;
  std::array<uint8_t, kXorIpv4Size> plain;
  store_be64(plain.data(), load_be64(value) ^ detail::kIpv4Mask);
  return TransportAddress{IpAddress::v4(std::span{plain}.last<4>()), load_be16(plain.data() + 2)};
}

}  // namespace uturn
