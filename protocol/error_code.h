// Error codes of ERROR-CODE and ADDRESS-ERROR-CODE with the RFCs' reason phrases.
#pragma once

#include <cstdint>
#include <string_view>

namespace uturn {

enum class ErrorCode : uint16_t {
  try_alternate = 300,                   // RFC 8489
  bad_request = 400,                     // RFC 8489
  unauthenticated = 401,                 // RFC 8489
  forbidden = 403,                       // RFC 8656
  mobility_forbidden = 405,              // RFC 8016
  unknown_attribute = 420,               // RFC 8489
  allocation_mismatch = 437,             // RFC 8656
  stale_nonce = 438,                     // RFC 8489
  address_family_not_supported = 440,    // RFC 8656
  wrong_credentials = 441,               // RFC 8656
  unsupported_transport_protocol = 442,  // RFC 8656
  peer_address_family_mismatch = 443,    // RFC 8656
  connection_already_exists = 446,       // RFC 6062
  connection_timeout_or_failure = 447,   // RFC 6062
  allocation_quota_reached = 486,        // RFC 8656
  role_conflict = 487,                   // RFC 8445
  server_error = 500,                    // RFC 8489
  insufficient_capacity = 508,           // RFC 8656
};

std::string_view reason_of(ErrorCode code);  ///< "Allocation Mismatch"

}  // namespace uturn
