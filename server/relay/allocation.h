// Allocation: what the server keeps for one five-tuple (RFC 8656, Section 6).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include "auth/authenticator.h"
#include "auth/quota.h"
#include "protocol/message_view.h"
#include "protocol/transport_address.h"
#include "server/relay/channel_table.h"
#include "server/relay/deadline_queue.h"
#include "server/relay/permission_table.h"
#include "server/relay/relay_ports.h"
#include "server/relay/relay_sockets.h"
#include "server/relay/tcp_connection_table.h"
#include "server/relay/traffic.h"
#include "server/relay/traffic_class.h"

namespace uturn {

/// One relayed transport address with its socket, permissions and time-to-expiry; a dual allocation
/// has two.
struct RelayedSide {
  PortLease port;               ///< as it is here, before any external address is put in its place
  SocketId socket;              ///< of a TCP allocation: what listens
  FamilyTraffic* alike;         ///< of its traffic class: what this side relays counts there too
  PermissionTable permissions;  ///< of a TCP allocation: none, they are with `Allocation::tcp`
  Instant expires_at;
};

struct Allocation {
  /// Credit of one that has relayed nothing: even an empty datagram has to be drawn for, and so its
  /// first is noticed at no cost to the others.
  static constexpr int64_t kUnused = -1;

  FiveTuple five_tuple;
  SocketId listener;  ///< what the client's datagrams arrive on and answers leave by
  Traffic traffic;
  std::array<int64_t, 2> credit{kUnused, kUnused};  ///< bytes towards the peer and the client
  std::array<std::optional<RelayedSide>, 2> sides;  ///< IPv4, IPv6
  ChannelTable channels;

  AllocationId id;
  Identity identity;
  Instant created_at;
  Instant ends_at = kNever;  ///< whatever is refreshed: its credential or its class ends then
  TransactionId made_by;     ///< a retransmitted Allocate is recognised by it
  DeadlineQueue::Handle deadline = DeadlineQueue::kNone;
  std::optional<uint64_t> reservation_token;  ///< repeated to a retransmission
  std::optional<AddressFamily>
      missing_family;           ///< half of a dual allocation that could not be had …
  ErrorCode missing_because{};  ///< … and why: ADDRESS-ERROR-CODE, repeated likewise
  uint32_t icmp_told = 0;       ///< bounds the ICMP errors told …
  int64_t icmp_second = 0;      ///< … in this second
  QuotaLease quota;
  // What the relay's counters hold of it.
  TrafficClass* traffic_class = nullptr;  ///< the relay's
  uint32_t permissions_counted = 0;
  uint32_t channels_counted = 0;
  std::array<bool, 2> receives{};  ///< which side's socket is read: somebody was permitted once
  bool was_permitted = false;
  bool was_used = false;               ///< has relayed something, or joined a TCP connection
  std::unique_ptr<TcpAllocation> tcp;  ///< relayed transport addresses are TCP's (RFC 6062)

  static size_t index_of(AddressFamily family) { return family == AddressFamily::ipv4 ? 0 : 1; }
  std::optional<RelayedSide>& side(AddressFamily family) { return sides[index_of(family)]; }
  const std::optional<RelayedSide>& side(AddressFamily family) const {
    return sides[index_of(family)];
  }
  PermissionTable& permissions(AddressFamily family) {
    return tcp ? tcp->permissions[index_of(family)] : side(family)->permissions;
  }
  /// Per packet: one subtraction. What is not there has to be drawn (Relay::draw).
  bool spend(Towards towards, size_t bytes) {
    return (credit[static_cast<size_t>(towards)] -= static_cast<int64_t>(bytes)) >= 0;
  }
  bool has_sides() const { return sides[0].has_value() || sides[1].has_value(); }
  /// The time-to-expiry: both halves have the same, or only one is left (RFC 8656, Section 8.2).
  Instant expires_at() const;
  /// When anything of it ends: an allocation, a permission, a channel.
  Instant first_expiry() const;
};

}  // namespace uturn
