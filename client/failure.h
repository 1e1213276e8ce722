// Failure: why a request came to nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/method.h"
#include "protocol/transport_address.h"

namespace uturn {

enum class FailureCause : uint8_t {
  error_response,       ///< the server said no: `code` and `reason`
  timed_out,            ///< no answer within Rc requests
  integrity_violated,   ///< answers came, none of them proved to be the server's
  unreachable,          ///< a hard ICMP error (RFC 8489, Section 6.2.1), or a refused connection
  connection_ended,     ///< TCP, TLS, DTLS: before the answer came (RFC 8489, Section 6.2.2)
  no_credentials,       ///< challenged, and there is nothing to answer with
  credentials_refused,  ///< 401 to a signed request
  bid_down,             ///< the nonce announces algorithms, the answer has none (9.2.5)
  no_common_algorithm,  ///< none of the PASSWORD-ALGORITHMS is ours
  too_many_challenges,  ///< 401 or 438 again and again
  malformed_response,   ///< attributes are missing or unreadable
  unknown_attribute,    ///< comprehension-required and not understood (6.3.3, 6.3.4)
  unexpected_family,    ///< a relayed address of a family nobody asked for; it was deleted
  request_too_large,    ///< what the server gave (realm, nonce) does not fit into a request
};

struct RequestFailure {
  Method method{};
  FailureCause cause{};
  uint16_t code = 0;                              ///< of ERROR-CODE, where one came; else 0
  std::string reason{};                           ///< the server's words, at most 128 bytes
  std::optional<PeerAddress> peer{};              ///< of ChannelBind and CreatePermission (port 0)
  std::optional<TransportAddress> alternate{};    ///< of 300: ALTERNATE-SERVER
  std::optional<AddressFamily> address_family{};  ///< of a Refresh for one family
};

std::string_view name_of(FailureCause cause);  ///< "timed_out"
/// "Allocate: 486 Allocation Quota Reached", "Refresh: timed_out"
std::string to_string(const RequestFailure& failure);

}  // namespace uturn
