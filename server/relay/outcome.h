// Outcome: the four fates of a datagram. Datagrams in = the sum of the four, always.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <variant>

#include "protocol/bytes.h"
#include "protocol/transport_address.h"

namespace uturn {

/// Why a datagram ended here. Each is a counter.
enum class DropReason : uint8_t {
  // what arrived is not TURN
  empty,
  unknown_protocol,  ///< first byte neither STUN nor a channel's (RFC 7983)
  too_short,         ///< ParseError, one for one
  not_stun,
  wrong_cookie,
  wrong_length,
  truncated_attribute,
  too_many_attributes,
  wrong_fingerprint,
  response,  ///< a success or error response: we ask nobody, so it is reflected or forged
  unknown_method,
  wrong_class,  ///< a class the method does not have
  malformed_channel_data,
  reserved_channel,  ///< 0x5000 and up (RFC 8656, Section 12)
  // TURN, but nothing to do
  binding_indication,  ///< a keep-alive: nothing is to be done (RFC 8489, Section 6.3.2)
  no_allocation,
  no_channel,
  no_permission,
  malformed_indication,
  unknown_attribute,  ///< in an indication
  peer_forbidden,     ///< an own service, or an own relay port that is not held
  wrong_family,
  wrong_transport,   ///< a datagram for a peer of a TCP allocation
  ttl_expired,       ///< a loop, or a sender that wanted it so
  icmp_not_relayed,  ///< a type that RFC 8656, Section 11.5 does not name
  icmp_rate,
  // limits
  answer_rate,  ///< the source had its answers (BRIEF: silence above)
  pending_full,
  pending_too_long,      ///< a request longer than what may wait
  directory_failed,      ///< the directory could not answer; the client retransmits
  too_many_connections,  ///< to or from the peers of TCP allocations
  bandwidth,             ///< of the allocation, its user, the server, or the bytes of its class
  too_long,              ///< with our header it would be longer than a datagram can be
  count_,
};
inline constexpr size_t kDropReasons = static_cast<size_t>(DropReason::count_);
std::string_view name_of(DropReason reason);

/// Names a request that waits: slot and generation.
struct PendingId {
  uint32_t slot = UINT32_MAX;
  uint32_t generation = 0;
  uint64_t packed() const { return uint64_t{generation} << 32 | slot; }
  static PendingId unpack(uint64_t packed) {
    return {static_cast<uint32_t>(packed), static_cast<uint32_t>(packed >> 32)};
  }
  friend bool operator==(const PendingId&, const PendingId&) = default;
};

struct Drop {
  DropReason why;
};
struct Answer {  ///< to whoever asked
  Bytes message;
  IpFields ip;
};
struct Forward {  ///< header, payload and `padding` zero bytes, back to back, in place
  SocketId via;
  TransportAddress to;
  Bytes header;
  Bytes payload;
  IpFields ip;
  uint8_t padding = 0;
  Transport transport = Transport::udp;  ///< to a client, its five-tuple's: whose id `via` is
};
struct Defer {  ///< later ends once as one of the others, or expires
  PendingId id;
};
/// A Forward, and counted as one, to a relayed address of this server: no kernel need be between.
/// What comes out of a Relay is for another shard: its own it delivers itself.
struct Shortcut {
  Forward forward;   ///< the kernel's way, for when the short one is full
  PeerAddress from;  ///< the sender's relayed address: the peer whom the receiver hears
  uint8_t shard;
};
/// A ConnectionBind for a connection of another shard (RFC 6062, Section 5.4). The client's
/// connection goes there, this request in front of what else was read from it, and that shard's
/// relay decides and counts. Where the way is full, the client's connection ends.
struct HandOver {
  uint8_t shard;
};
using Outcome = std::variant<Drop, Answer, Forward, Defer, Shortcut, HandOver>;

}  // namespace uturn
