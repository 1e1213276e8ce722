// Reading the PROXY protocol's line of text and its binary header.
#include "protocol/proxy_header.h"

#include <array>
#include <charconv>
#include <string_view>

namespace uturn {
namespace {

using HeaderResult = Result<ProxyHeader, ProxyHeaderError>;
using Carrier = uint8_t;  // the transport's nibble (Section 2.2)
constexpr Carrier kStream = 1, kDatagram = 2;

constexpr std::string_view kLineStart = "PROXY ";
constexpr std::array<uint8_t, 12> kSignature{0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D,
                                             0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A};
constexpr size_t kFixedSize = 16;  // signature, version and command, family and transport, length

/// Whether what has come so far could be the beginning of `start`, or begins with it.
bool agrees(Bytes bytes, Bytes start) {
  const size_t common = std::min(bytes.size(), start.size());
  return equal(bytes.first(common), start.first(common));
}

// Version 1 (Section 2.1)

/// The text up to the next single space, which goes with it; the last field ends with the line.
std::string_view take_field(std::string_view& line) {
  const size_t space = line.find(' ');
  const std::string_view field = line.substr(0, space);
  line.remove_prefix(space == line.npos ? line.size() : space + 1);
  return field;
}

std::optional<uint16_t> parse_port(std::string_view text) {
  if (text.size() > 1 && text.front() == '0') return std::nullopt;  // could be taken for octal
  uint16_t port = 0;
  const char* const end = text.data() + text.size();
  const auto [stopped_at, error] = std::from_chars(text.data(), end, port);
  if (error != std::errc{} || stopped_at != end) return std::nullopt;
  return port;
}

std::optional<ProxiedAddresses> parse_addresses(std::string_view fields, AddressFamily family) {
  if (std::ranges::count(fields, ' ') != 3) return std::nullopt;
  const auto source = IpAddress::parse(take_field(fields));
  const auto destination = IpAddress::parse(take_field(fields));
  const auto source_port = parse_port(take_field(fields));
  const auto destination_port = parse_port(take_field(fields));
  if (!source || !destination || !source_port || !destination_port) return std::nullopt;
  if (source->family() != family || destination->family() != family) return std::nullopt;
  return ProxiedAddresses{{*source, *source_port}, {*destination, *destination_port}};
}

HeaderResult read_line(Bytes stream) {
  const std::string_view text = text_of(stream.first(std::min(stream.size(), kMaxProxyLineSize)));
  const size_t end = text.find("\r\n");
  if (end == text.npos)
    return Failure{text.size() < kMaxProxyLineSize ? ProxyHeaderError::incomplete
                                                   : ProxyHeaderError::too_long};
  const size_t consumed = end + 2;
  std::string_view line = text.substr(kLineStart.size(), end - kLineStart.size());
  // What else an UNKNOWN line says is to be ignored.
  if (line == "UNKNOWN" || line.starts_with("UNKNOWN ")) return ProxyHeader{{}, consumed};

  const std::string_view protocol = take_field(line);
  if (protocol != "TCP4" && protocol != "TCP6") return Failure{ProxyHeaderError::malformed_line};
  const auto family = protocol == "TCP4" ? AddressFamily::ipv4 : AddressFamily::ipv6;
  const auto addresses = parse_addresses(line, family);
  if (!addresses) return Failure{ProxyHeaderError::malformed_line};
  return ProxyHeader{addresses, consumed};
}

// Version 2 (Section 2.2)

/// table[byte]: what `byte` does to the remainder.
constexpr std::array<uint32_t, 256> make_crc_table() {
  constexpr uint32_t kPolynomial = 0x82F63B78;  // Castagnoli's, least significant bit first
  std::array<uint32_t, 256> table{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t remainder = byte;
    for (int bit = 0; bit < 8; ++bit)
      remainder = remainder >> 1 ^ (remainder & 1 ? kPolynomial : 0);
    table[byte] = remainder;
  }
  return table;
}

/// CRC32c (RFC 4960, Appendix B), a byte a step: headers are short.
class Crc32c {
 public:
  void add(Bytes bytes) {
    for (const uint8_t byte : bytes)
      remainder_ = remainder_ >> 8 ^ kTable[(remainder_ ^ byte) & 0xFF];
  }
  uint32_t result() const { return ~remainder_; }

 private:
  static constexpr std::array<uint32_t, 256> kTable = make_crc_table();
  uint32_t remainder_ = 0xFFFFFFFF;
};

/// The checksum is made with its own four bytes, which stand at `at`, as zeros (Section 2.2.3).
bool checksum_is_right(Bytes header, size_t at) {
  constexpr std::array<uint8_t, 4> kZeros{};
  Crc32c crc;
  crc.add(header.first(at));
  crc.add(kZeros);
  crc.add(header.subspan(at + kZeros.size()));
  return crc.result() == load_be32(header.data() + at);
}

/// The TLVs from `at` to the end of the header: of interest is the checksum alone.
std::optional<ProxyHeaderError> check_extensions(Bytes header, size_t at) {
  constexpr size_t kTypeAndLength = 3;
  constexpr uint8_t kChecksum = 0x03;
  bool had_checksum = false;
  while (at < header.size()) {
    if (header.size() - at < kTypeAndLength) return ProxyHeaderError::malformed_extension;
    const uint8_t type = header[at];
    const size_t length = load_be16(header.data() + at + 1);
    at += kTypeAndLength;
    if (header.size() - at < length) return ProxyHeaderError::malformed_extension;
    if (type == kChecksum) {
      if (length != 4 || had_checksum) return ProxyHeaderError::malformed_extension;
      if (!checksum_is_right(header, at)) return ProxyHeaderError::wrong_checksum;
      had_checksum = true;
    }
    at += length;
  }
  return std::nullopt;
}

IpAddress ip_at(const uint8_t* bytes, AddressFamily family) {
  if (family == AddressFamily::ipv4) return IpAddress::v4(std::span<const uint8_t, 4>{bytes, 4});
  return IpAddress::v6(std::span<const uint8_t, 16>{bytes, 16});
}

///   16               16+n             16+2n        18+2n
///   ┌────────────────┬────────────────┬────────────┬─────────────────┬──────────┐
///   │ source IP      │ destination IP │ its port   │ its port        │ TLVs ... │
///   └────────────────┴────────────────┴────────────┴─────────────────┴──────────┘
HeaderResult read_addresses(Bytes header, AddressFamily family) {
  const size_t ip_size = family == AddressFamily::ipv4 ? 4 : 16;
  const size_t ports_at = kFixedSize + 2 * ip_size;
  const size_t extensions_at = ports_at + 4;
  if (header.size() < extensions_at) return Failure{ProxyHeaderError::too_short};
  if (const auto error = check_extensions(header, extensions_at)) return Failure{*error};
  const uint8_t* const bytes = header.data();
  return ProxyHeader{
      ProxiedAddresses{
          {ip_at(bytes + kFixedSize, family), load_be16(bytes + ports_at)},
          {ip_at(bytes + kFixedSize + ip_size, family), load_be16(bytes + ports_at + 2)}},
      header.size()};
}

/// A header of which every byte is there.
HeaderResult read_whole_binary(Bytes header, Carrier carrier) {
  constexpr uint8_t kLocal = 0, kProxy = 1;
  constexpr uint8_t kUnspecified = 0, kInet = 1, kUnix = 3;  // and 2 is AF_INET6
  const uint8_t command = header[12] & 0x0F;
  const uint8_t family = header[13] >> 4;
  const uint8_t transport = header[13] & 0x0F;

  // The proxy's own connection: family and addresses are discarded, and with them, since where they
  // end is not known, the extensions.
  if (command == kLocal) return ProxyHeader{{}, header.size()};
  if (command != kProxy) return Failure{ProxyHeaderError::unknown_command};
  if (family > kUnix || transport > kDatagram) return Failure{ProxyHeaderError::unknown_family};
  if (family == kUnspecified || transport == kUnspecified) return ProxyHeader{{}, header.size()};
  // What a receiver does not support it may treat as UNSPEC, and that it may reject: the proxy's
  // own address must not stand for all of its clients.
  if (family == kUnix) return Failure{ProxyHeaderError::unix_socket};
  if (transport != carrier) return Failure{ProxyHeaderError::wrong_transport};
  return read_addresses(header, family == kInet ? AddressFamily::ipv4 : AddressFamily::ipv6);
}

HeaderResult read_binary(Bytes bytes, Carrier carrier) {
  if (bytes.size() < kFixedSize) return Failure{ProxyHeaderError::incomplete};
  if (bytes[12] >> 4 != 2) return Failure{ProxyHeaderError::unknown_version};
  const size_t size = kFixedSize + load_be16(&bytes[14]);
  if (size > kMaxProxyHeaderSize) return Failure{ProxyHeaderError::too_long};
  if (bytes.size() < size) return Failure{ProxyHeaderError::incomplete};
  return read_whole_binary(bytes.first(size), carrier);
}

}  // namespace

HeaderResult read_stream_proxy_header(Bytes stream) {
  if (agrees(stream, kSignature)) return read_binary(stream, kStream);
  if (!agrees(stream, bytes_of(kLineStart))) return Failure{ProxyHeaderError::no_signature};
  if (stream.size() < kLineStart.size()) return Failure{ProxyHeaderError::incomplete};
  return read_line(stream);
}

HeaderResult read_datagram_proxy_header(Bytes datagram) {
  if (datagram.size() < kFixedSize || !agrees(datagram, kSignature))
    return Failure{ProxyHeaderError::no_signature};
  const HeaderResult header = read_binary(datagram, kDatagram);
  // Nothing more will come.
  if (!header && header.error() == ProxyHeaderError::incomplete)
    return Failure{ProxyHeaderError::too_short};
  return header;
}

}  // namespace uturn
