// TurnEvent: what a TURN client has to tell its owner.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "client/failure.h"
#include "protocol/attributes.h"
#include "protocol/channel_data.h"
#include "protocol/time.h"
#include "protocol/transport_address.h"

namespace uturn {

struct Allocated {
  ClientAddress mapped;                 ///< us as the server sees us
  std::vector<RelayedAddress> relayed;  ///< one, or one of each family
  std::chrono::seconds lifetime{};
  std::optional<uint64_t> reservation_token;
  /// ADDRESS-ERROR-CODE: the family of a dual request that could not be had, and why.
  struct Refused {
    AddressFamily family{};
    uint16_t code = 0;
  };
  std::optional<Refused> refused;
  std::optional<Duration> round_trip;
};
struct Refreshed {
  std::chrono::seconds lifetime{};
};
struct Released {                       ///< we deleted it
  std::optional<AddressFamily> family;  ///< only this half of a dual allocation
};
struct AllocationLost {
  enum class Reason : uint8_t {
    expired,           ///< no refresh came through in time
    mismatch,          ///< 437: the server does not know it (RFC 8656, Section 5)
    connection_ended,  ///< one of the five-tuple's three: no other connection can have it
  };
  Reason reason{};
};
struct PermissionInstalled {  ///< or refreshed
  IpAddress peer;
};
struct ChannelBound {  ///< or renewed
  ChannelNumber channel;
  PeerAddress peer;
};
struct PeerDatagram {
  PeerAddress peer;
  Bytes data;                            ///< a view of the datagram given to handle()
  std::optional<ChannelNumber> channel;  ///< none: it came as a Data indication
};
struct PeerUnreachable {  ///< a Data indication with ICMP (RFC 8656, Section 11.6)
  PeerAddress peer;
  IcmpValue icmp;
};

using TurnEvent = std::variant<Allocated, Refreshed, Released, AllocationLost, PermissionInstalled,
                               ChannelBound, PeerDatagram, PeerUnreachable, RequestFailure>;

}  // namespace uturn
