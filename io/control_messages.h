// Control messages: what a datagram's IP header said, and what the next one's shall say, as
// ancillary data in areas of a fixed size; and socket names to and from transport addresses.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <optional>

#include "protocol/bytes.h"
#include "protocol/transport_address.h"

namespace uturn {

/// A socket name of either family.
union SocketName {
  sockaddr any;
  sockaddr_in v4;
  sockaddr_in6 v6;
};

/// Returns the length to say to the kernel.
socklen_t write_name(const TransportAddress& address, SocketName& name);
/// `name` at any alignment; nothing if it is neither IPv4 nor IPv6, or too short for its family.
std::optional<TransportAddress> read_name(Bytes name);
TransportAddress read_name(const SocketName& name);

/// What one receive on a socket of ours can carry: pktinfo (IPv6's is the longer), TOS, TTL, the
/// segment size of a GRO train, and the count of datagrams the kernel dropped. A kernel that says
/// more sets MSG_CTRUNC, and the datagram is a counted drop.
inline constexpr size_t kReceiveControlSize =
    CMSG_SPACE(sizeof(in6_pktinfo)) + CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(int)) +
    CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(uint32_t));

struct ReceivedControl {
  std::optional<IpAddress> to;
  uint8_t dscp = 0;
  uint8_t ecn = 0;
  uint8_t ttl = 0;
  uint16_t segment_size = 0;             ///< of a GRO train; 0: one datagram
  std::optional<uint32_t> kernel_drops;  ///< of this socket since it was opened
};

/// `control` at any alignment, as the kernel filled it (msg_controllen bytes).
ReceivedControl read_control(Bytes control);

/// What one send can carry: source, TOS, TTL, segment size of a run, and DF on IPv6.
inline constexpr size_t kSendControlSize = CMSG_SPACE(sizeof(in6_pktinfo)) +
                                           CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(int)) +
                                           CMSG_SPACE(sizeof(uint16_t)) + CMSG_SPACE(sizeof(int));

struct SendControlArea {
  alignas(cmsghdr) std::array<uint8_t, kSendControlSize> bytes;
};

/// Writes what `ip` asks of a send to `to`, and `segment_size` of a run (0: one datagram). DF is
/// written for IPv6 only: IPv4 has no control message for it. Returns the bytes used.
size_t write_control(SendControlArea& area, const TransportAddress& to, const IpFields& ip,
                     uint16_t segment_size);

}  // namespace uturn
