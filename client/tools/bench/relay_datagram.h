// Relay datagram: what a generator's client does with a datagram before it counts it.
#pragma once

#include <optional>
#include <string_view>

#include "io/loop.h"
#include "protocol/bytes.h"

namespace uturn {

/// How a bare forwarder's answers begin, and what it is asked (ForwardClients); no payload does.
inline constexpr std::string_view kForwarderSetUp = "FWD1";

/// The peer's data in ChannelData or in a Data indication; nothing where it is neither.
std::optional<Bytes> relayed_data_in(MutableBytes datagram);

/// The peer's data as a bare forwarder sends it: all that is no answer.
std::optional<Bytes> forwarded_data_in(Bytes datagram);

/// Nobody is there, or the way is forbidden (RFC 8489, Section 6.2.1): port or protocol
/// unreachable.
bool is_hard_error(const IcmpError& error);

}  // namespace uturn
