// The names of authentication failures, for metrics and logs.
#include "auth/auth_failure.h"

namespace uturn {

std::string_view name_of(AuthFailure failure) {
  switch (failure) {
    case AuthFailure::no_integrity:
      return "no integrity";
    case AuthFailure::missing_attribute:
      return "missing attribute";
    case AuthFailure::malformed:
      return "malformed";
    case AuthFailure::algorithm_mismatch:
      return "algorithm mismatch";
    case AuthFailure::wrong_realm:
      return "wrong realm";
    case AuthFailure::unknown_user:
      return "unknown user";
    case AuthFailure::no_key:
      return "no key";
    case AuthFailure::wrong_password:
      return "wrong password";
    case AuthFailure::expired:
      return "expired";
    case AuthFailure::stale_nonce:
      return "stale nonce";
    case AuthFailure::bad_token:
      return "bad token";
    case AuthFailure::unexpected_token:
      return "unexpected token";
    case AuthFailure::alien_nonce:
      return "alien nonce";
    case AuthFailure::directory_unavailable:
      return "directory unavailable";
    case AuthFailure::count_:
      break;
  }
  return "unknown";
}

}  // namespace uturn
