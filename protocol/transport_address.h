// Addresses: IP address, transport address, five-tuple, and what else an IP header carries.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/bytes.h"

namespace uturn {

/// The values of STUN's address attributes (RFC 8489, Section 14.1).
enum class AddressFamily : uint8_t { ipv4 = 0x01, ipv6 = 0x02 };

/// Values of REQUESTED-TRANSPORT are protocol numbers; this is the transport of a five-tuple.
enum class Transport : uint8_t { udp, tcp, tls, dtls };

/// An IPv4 or IPv6 address as it was given. An IPv4 address and its v4-mapped form are different
/// values here; `canonical()` makes them one, and every policy decision compares that.
class IpAddress {
 public:
  constexpr IpAddress() = default;  ///< 0.0.0.0
  static IpAddress v4(std::span<const uint8_t, 4> bytes);
  static IpAddress v6(std::span<const uint8_t, 16> bytes);
  static std::optional<IpAddress> parse(std::string_view text);  ///< no scope, no brackets, no port
  static IpAddress any(AddressFamily family);                    ///< 0.0.0.0 or ::

  AddressFamily family() const { return family_; }
  bool is_v4() const { return family_ == AddressFamily::ipv4; }
  Bytes bytes() const;  ///< 4 or 16 bytes, network order
  bool is_unspecified() const { return words() == Words{}; }
  bool is_loopback() const;
  bool is_link_local() const;
  bool is_multicast() const;

  /// The address that a packet sent here would really reach: v4-mapped (::ffff:0:0/96),
  /// v4-compatible (::/96), 6to4 (2002::/16) and NAT64 (64:ff9b::/96, RFC 6052; 64:ff9b:1::/48,
  /// RFC 8215) unwrapped to IPv4; :: and ::1 stay what they are. Inside 64:ff9b:1::/48 an operator
  /// may choose a longer prefix, which cannot be seen from here: the positions are those of /48.
  IpAddress canonical() const;

  std::string to_string() const;

  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;
  /// Asked several times for each datagram.
  friend bool operator==(const IpAddress& a, const IpAddress& b) {
    return a.family_ == b.family_ && a.words() == b.words();
  }

 private:
  struct Words {
    uint64_t first = 0;
    uint64_t last = 0;
    friend bool operator==(const Words& a, const Words& b) {
      return ((a.first ^ b.first) | (a.last ^ b.last)) == 0;
    }
  };
  Words words() const {
    Words words;
    std::memcpy(&words.first, bytes_.data(), sizeof words.first);
    std::memcpy(&words.last, bytes_.data() + sizeof words.first, sizeof words.last);
    return words;
  }

  AddressFamily family_ = AddressFamily::ipv4;
  std::array<uint8_t, 16> bytes_{};  ///< IPv4 in the first four, the rest zero
};

/// IP address and port. `scope_id` names the interface of an IPv6 link-local address, else 0.
struct TransportAddress {
  IpAddress ip;
  uint16_t port = 0;  ///< host order
  uint32_t scope_id = 0;

  /// 1.2.3.4:5, [::1]:5 or [fe80::1%2]:5, the scope by number; what to_string() writes.
  static std::optional<TransportAddress> parse(std::string_view text);
  std::string to_string() const;
  friend auto operator<=>(const TransportAddress&, const TransportAddress&) = default;
};

// The roles a transport address plays; distinct types, so that two cannot be swapped.
struct ClientAddress : TransportAddress {};  ///< whom we talk to, as we see it (the mapped address)
struct ServerAddress : TransportAddress {};  ///< on us, where the client sent to
struct PeerAddress : TransportAddress {};    ///< whom the client wants to talk to
struct RelayedAddress : TransportAddress {};  ///< on us, what the peer sees

inline ClientAddress client_address(const TransportAddress& a) { return ClientAddress{a}; }
inline ServerAddress server_address(const TransportAddress& a) { return ServerAddress{a}; }
inline PeerAddress peer_address(const TransportAddress& a) { return PeerAddress{a}; }
inline RelayedAddress relayed_address(const TransportAddress& a) { return RelayedAddress{a}; }

/// What identifies an allocation (RFC 8656, Section 5).
struct FiveTuple {
  ClientAddress client;
  ServerAddress server;
  Transport transport = Transport::udp;
  friend bool operator==(const FiveTuple&, const FiveTuple&) = default;
};

/// What a datagram's IP header says, or shall say (RFC 8656, Sections 14 and 15).
struct IpFields {
  uint8_t dscp = 0;            ///< 0..63
  uint8_t ecn = 0;             ///< 0..3
  uint8_t ttl = 0;             ///< TTL or hop limit; 0: the system's default when sending
  bool dont_fragment = false;  ///< sending: set DF for this datagram; receiving: unknown, false
  IpAddress source{};          ///< sending: leave from here, where not unspecified
  friend bool operator==(const IpFields&, const IpFields&) = default;
};

/// A socket of one shard's loop: slot and generation, so that an id never names a later socket.
struct SocketId {
  uint32_t slot = UINT32_MAX;
  uint32_t generation = 0;
  bool is_valid() const { return slot != UINT32_MAX; }
  friend bool operator==(const SocketId&, const SocketId&) = default;
};

/// Mixes the words of a key that an attacker may choose; `seed` is secret and per process.
uint64_t hash_of(const TransportAddress& address, uint64_t seed);
uint64_t hash_of(const IpAddress& address, uint64_t seed);
uint64_t hash_of(const FiveTuple& five_tuple, uint64_t seed);

}  // namespace uturn

template <>
struct std::hash<uturn::IpAddress> {
  size_t operator()(const uturn::IpAddress& a) const { return uturn::hash_of(a, 0); }
};
template <>
struct std::hash<uturn::TransportAddress> {
  size_t operator()(const uturn::TransportAddress& a) const { return uturn::hash_of(a, 0); }
};
