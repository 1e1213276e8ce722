// The names of drop reasons, as logs and metrics show them.
#include "server/relay/outcome.h"

namespace uturn {

std::string_view name_of(DropReason reason) {
  switch (reason) {
    case DropReason::empty:
      return "empty";
    case DropReason::unknown_protocol:
      return "unknown_protocol";
    case DropReason::too_short:
      return "too_short";
    case DropReason::not_stun:
      return "not_stun";
    case DropReason::wrong_cookie:
      return "wrong_cookie";
    case DropReason::wrong_length:
      return "wrong_length";
    case DropReason::truncated_attribute:
      return "truncated_attribute";
    case DropReason::too_many_attributes:
      return "too_many_attributes";
    case DropReason::wrong_fingerprint:
      return "wrong_fingerprint";
    case DropReason::response:
      return "response";
    case DropReason::unknown_method:
      return "unknown_method";
    case DropReason::wrong_class:
      return "wrong_class";
    case DropReason::malformed_channel_data:
      return "malformed_channel_data";
    case DropReason::reserved_channel:
      return "reserved_channel";
    case DropReason::binding_indication:
      return "binding_indication";
    case DropReason::no_allocation:
      return "no_allocation";
    case DropReason::no_channel:
      return "no_channel";
    case DropReason::no_permission:
      return "no_permission";
    case DropReason::malformed_indication:
      return "malformed_indication";
    case DropReason::unknown_attribute:
      return "unknown_attribute";
    case DropReason::peer_forbidden:
      return "peer_forbidden";
    case DropReason::wrong_family:
      return "wrong_family";
    case DropReason::wrong_transport:
      return "wrong_transport";
    case DropReason::ttl_expired:
      return "ttl_expired";
    case DropReason::icmp_not_relayed:
      return "icmp_not_relayed";
    case DropReason::icmp_rate:
      return "icmp_rate";
    case DropReason::answer_rate:
      return "answer_rate";
    case DropReason::pending_full:
      return "pending_full";
    case DropReason::pending_too_long:
      return "pending_too_long";
    case DropReason::directory_failed:
      return "directory_failed";
    case DropReason::too_many_connections:
      return "too_many_connections";
    case DropReason::bandwidth:
      return "bandwidth";
    case DropReason::too_long:
      return "too_long";
    case DropReason::count_:
      break;
  }
  return "unknown";
}

}  // namespace uturn
