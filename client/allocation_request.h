// AllocationRequest: what a client asks of Allocate (RFC 8656, Section 7.1).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <variant>

#include "protocol/transport_address.h"

namespace uturn {

/// The relayed addresses to ask for, in three forms, so that what Section 7.1 forbids to combine
/// cannot be said.
struct OneRelayedAddress {
  std::optional<AddressFamily> family;  ///< REQUESTED-ADDRESS-FAMILY; absent: the server's default
  bool even_port = false;               ///< EVEN-PORT
  bool reserve_next_port = false;       ///< its R bit; counts only with even_port
};
struct RelayedAddressOfEachFamily {  ///< ADDITIONAL-ADDRESS-FAMILY: IPv4 and IPv6
  bool even_port = false;
};
struct ReservedRelayedAddress {  ///< the port that an earlier allocation reserved
  uint64_t token = 0;
};

struct AllocationRequest {
  std::variant<OneRelayedAddress, RelayedAddressOfEachFamily, ReservedRelayedAddress> relayed{};
  std::optional<std::chrono::seconds> lifetime{};  ///< absent: the server's default
  bool dont_fragment = false;                      ///< ask whether Send indications may set DF
};

}  // namespace uturn
