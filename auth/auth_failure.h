// AuthFailure: why somebody was not authenticated.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace uturn {

/// Why authentication failed, for counters and debug logs; the client is not told more than the
/// error code.
enum class AuthFailure : uint8_t {
  no_integrity,        ///< the first request: nothing wrong with it
  missing_attribute,   ///< USERNAME or USERHASH, REALM or NONCE
  malformed,           ///< a text too long, a USERHASH of another length, an undecodable algorithm
  algorithm_mismatch,  ///< PASSWORD-ALGORITHM and PASSWORD-ALGORITHMS break RFC 8489, 9.2.4
  wrong_realm,
  unknown_user,
  no_key,  ///< the user has no key of the algorithm asked for
  wrong_password,
  expired,
  stale_nonce,
  bad_token,              ///< an ACCESS-TOKEN that no key of ours opens, or that is not for now
  unexpected_token,       ///< one that nobody asked for: 420
  alien_nonce,            ///< of another server, key or client
  directory_unavailable,  ///< nobody could say who the users are: 500
  count_,
};
inline constexpr size_t kAuthFailures = static_cast<size_t>(AuthFailure::count_);
std::string_view name_of(AuthFailure failure);  ///< "wrong password"

}  // namespace uturn
