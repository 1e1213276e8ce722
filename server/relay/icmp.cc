// ICMP errors, told to the client in Data indications (RFC 8656, Sections 11.5 and 18.13).
//
// Also: RFC 8656, Sections 12.5 and 18.4.
#include "server/relay/relay.h"

namespace uturn {
namespace {

bool is_relayed(AddressFamily family, uint8_t type) {
  constexpr uint8_t kUnreachable = 3, kTimeExceeded = 11;                       // RFC 792
  constexpr uint8_t kUnreachable6 = 1, kPacketTooBig6 = 2, kTimeExceeded6 = 3;  // RFC 4443
  if (family == AddressFamily::ipv4) return type == kUnreachable || type == kTimeExceeded;
  return type == kUnreachable6 || type == kPacketTooBig6 || type == kTimeExceeded6;
}

/// Only "too big" carries a value: the next hop's MTU. All others must say zero.
uint32_t error_data_of(AddressFamily family, const IcmpValue& icmp) {
  const bool is_too_big =
      family == AddressFamily::ipv4 ? icmp.type == 3 && icmp.code == 4 : icmp.type == 2;
  return is_too_big ? icmp.error_data : 0;
}

}  // namespace

// The router that sent the error is nobody's peer; the destination that could not be reached is.
Outcome Relay::icmp_error(RelayTag tag, const PeerAddress& destination, const IcmpValue& icmp,
                          Now now) {
  if (!is_relayed(tag.family, icmp.type)) return Drop{DropReason::icmp_not_relayed};
  Allocation* const allocation = allocations_.find(tag.allocation);
  if (!allocation) return Drop{DropReason::no_allocation};
  const auto& side = allocation->side(tag.family);
  if (!side || is_past(side->expires_at, now)) return Drop{DropReason::no_allocation};
  if (!side->permissions.find(destination.ip, now)) return Drop{DropReason::no_permission};

  const int64_t second =
      std::chrono::floor<std::chrono::seconds>(now.monotonic.time_since_epoch()).count();
  if (allocation->icmp_second != second) {
    allocation->icmp_second = second;
    allocation->icmp_told = 0;
  }
  if (allocation->icmp_told == kIcmpErrorsPerSecond) return Drop{DropReason::icmp_rate};
  ++allocation->icmp_told;

  MessageBuilder builder(world_.answers.lend(kAnswerSize), Method::data, MessageClass::indication,
                         transaction_ids_.next());
  builder.add_xor_address(AttributeType::xor_peer_address, settings_.external.outward(destination));
  builder.add_icmp({icmp.type, icmp.code, error_data_of(tag.family, icmp)});
  IpFields ip;
  ip.source = allocation->five_tuple.server.ip;
  return Forward{.via = allocation->listener,
                 .to = allocation->five_tuple.client,
                 .header = {},
                 .payload = builder.finish(),
                 .ip = ip,
                 .transport = allocation->five_tuple.transport};
}

}  // namespace uturn
