// Addresses as text, their kinds, their canonical form, and the keyed hash of tables.
#include "protocol/transport_address.h"

#include <arpa/inet.h>

#include <charconv>

namespace uturn {
namespace {

/// Decimal digits only, all of them, no sign.
template <class T>
std::optional<T> parse_decimal(std::string_view text) {
  T value{};
  const char* end = text.data() + text.size();
  const auto [stopped_at, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stopped_at != end) return std::nullopt;
  return value;
}

bool starts_with(Bytes bytes, std::initializer_list<uint8_t> prefix) {
  return std::equal(prefix.begin(), prefix.end(), bytes.begin());
}

bool all_zero(Bytes bytes) {
  return std::ranges::all_of(bytes, [](uint8_t byte) { return byte == 0; });
}

/// Multiply and fold: 128 bits of product, their halves combined, so that every bit of the input
/// reaches every bit of the table index. Both factors are keyed: with a public constant as one of
/// them, an attacker could force a product of zero and collide at will.
class KeyedHash {
 public:
  explicit KeyedHash(uint64_t seed)
      : state_(seed ^ 0x9E3779B97F4A7C15),
        key_(fold(seed ^ 0xC2B2AE3D27D4EB4F, 0xA0761D6478BD642F)) {}

  void mix(uint64_t a, uint64_t b) { state_ = fold(a ^ state_, b ^ key_); }
  void mix(const IpAddress& ip) {
    if (ip.is_v4()) return mix(v4_word(ip), 0);
    const Bytes bytes = ip.bytes();
    mix(load_be64(bytes.data()), load_be64(bytes.data() + 8));
  }
  /// Two IPv4 addresses fill one word of each factor.
  void mix(const IpAddress& a, const IpAddress& b) {
    if (a.is_v4() && b.is_v4()) return mix(v4_word(a), v4_word(b));
    mix(a);
    mix(b);
  }
  uint64_t result() const { return fold(state_ ^ 0xE7037ED1A0B428DB, key_ | 1); }

 private:
  __extension__ using Product = unsigned __int128;
  static uint64_t v4_word(const IpAddress& ip) { return load_be32(ip.bytes().data()); }
  static uint64_t fold(uint64_t a, uint64_t b) {
    const Product product = static_cast<Product>(a) * b;
    return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
  }
  uint64_t state_;
  uint64_t key_;
};

/// Everything of a transport address but the IP's bytes, in one word.
uint64_t port_family_scope(const TransportAddress& address) {
  return uint64_t{address.scope_id} << 32 | static_cast<uint64_t>(address.ip.family()) << 16 |
         address.port;
}

}  // namespace

IpAddress IpAddress::v4(std::span<const uint8_t, 4> bytes) {
  IpAddress address;
  std::ranges::copy(bytes, address.bytes_.begin());
  return address;
}

IpAddress IpAddress::v6(std::span<const uint8_t, 16> bytes) {
  IpAddress address;
  address.family_ = AddressFamily::ipv6;
  std::ranges::copy(bytes, address.bytes_.begin());
  return address;
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  std::array<char, INET6_ADDRSTRLEN> terminated{};
  if (text.size() >= terminated.size() || text.find('\0') != text.npos) return std::nullopt;
  std::ranges::copy(text, terminated.begin());

  std::array<uint8_t, 16> bytes{};
  if (inet_pton(AF_INET, terminated.data(), bytes.data()) == 1)
    return v4(std::span{bytes}.first<4>());
  if (inet_pton(AF_INET6, terminated.data(), bytes.data()) == 1) return v6(bytes);
  return std::nullopt;
}

IpAddress IpAddress::any(AddressFamily family) {
  IpAddress address;
  address.family_ = family;
  return address;
}

Bytes IpAddress::bytes() const { return Bytes{bytes_}.first(is_v4() ? 4 : 16); }

bool IpAddress::is_loopback() const {
  if (is_v4()) return bytes_[0] == 127;
  return all_zero(Bytes{bytes_}.first(15)) && bytes_[15] == 1;
}

bool IpAddress::is_link_local() const {
  if (is_v4()) return bytes_[0] == 169 && bytes_[1] == 254;
  return bytes_[0] == 0xFE && (bytes_[1] & 0xC0) == 0x80;
}

bool IpAddress::is_multicast() const {
  return is_v4() ? (bytes_[0] & 0xF0) == 0xE0 : bytes_[0] == 0xFF;
}

IpAddress IpAddress::canonical() const {
  if (is_v4() || is_unspecified() || is_loopback()) return *this;
  const auto v4_at = [this](size_t a, size_t b, size_t c, size_t d) {
    return v4(std::array{bytes_[a], bytes_[b], bytes_[c], bytes_[d]});
  };

  // One step is enough: what comes out is IPv4, and IPv4 hides nothing further.
  if (starts_with(bytes_, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF})) return v4_at(12, 13, 14, 15);
  if (all_zero(Bytes{bytes_}.first(12))) return v4_at(12, 13, 14, 15);
  if (starts_with(bytes_, {0x20, 0x02})) return v4_at(2, 3, 4, 5);
  if (starts_with(bytes_, {0x00, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0}))
    return v4_at(12, 13, 14, 15);
  // A prefix of 48 bits leaves octet 8 unused (RFC 6052, Section 2.2).
  if (starts_with(bytes_, {0x00, 0x64, 0xFF, 0x9B, 0x00, 0x01})) return v4_at(6, 7, 9, 10);
  return *this;
}

std::string IpAddress::to_string() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  CHECK(inet_ntop(is_v4() ? AF_INET : AF_INET6, bytes_.data(), text.data(), text.size()));
  return text.data();
}

std::optional<TransportAddress> TransportAddress::parse(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == text.npos) return std::nullopt;
  const auto port = parse_decimal<uint16_t>(text.substr(colon + 1));
  if (!port) return std::nullopt;

  std::string_view host = text.substr(0, colon);
  const bool in_brackets = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (in_brackets) host = host.substr(1, host.size() - 2);

  uint32_t scope_id = 0;
  if (const size_t percent = host.find('%'); in_brackets && percent != host.npos) {
    const auto scope = parse_decimal<uint32_t>(host.substr(percent + 1));
    if (!scope) return std::nullopt;
    scope_id = *scope;
    host = host.substr(0, percent);
  }

  const auto ip = IpAddress::parse(host);
  if (!ip || ip->is_v4() == in_brackets) return std::nullopt;
  return TransportAddress{*ip, *port, scope_id};
}

std::string TransportAddress::to_string() const {
  if (ip.is_v4()) return ip.to_string() + ":" + std::to_string(port);
  const std::string scope = scope_id == 0 ? "" : "%" + std::to_string(scope_id);
  return "[" + ip.to_string() + scope + "]:" + std::to_string(port);
}

uint64_t hash_of(const IpAddress& address, uint64_t seed) {
  KeyedHash hash{seed};
  hash.mix(address);
  hash.mix(static_cast<uint64_t>(address.family()), 0);
  return hash.result();
}

uint64_t hash_of(const TransportAddress& address, uint64_t seed) {
  KeyedHash hash{seed};
  hash.mix(address.ip);
  hash.mix(port_family_scope(address), 0);
  return hash.result();
}

uint64_t hash_of(const FiveTuple& five_tuple, uint64_t seed) {
  KeyedHash hash{seed};
  hash.mix(five_tuple.client.ip, five_tuple.server.ip);
  // The transport takes the byte above the client's family; scopes and families stay as they are.
  hash.mix(port_family_scope(five_tuple.client) | static_cast<uint64_t>(five_tuple.transport) << 24,
           port_family_scope(five_tuple.server));
  return hash.result();
}

}  // namespace uturn
