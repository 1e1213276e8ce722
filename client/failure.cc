// Failure: its names.
#include "client/failure.h"

#include "protocol/error_code.h"

namespace uturn {

std::string_view name_of(FailureCause cause) {
  switch (cause) {
    case FailureCause::error_response:
      return "error_response";
    case FailureCause::timed_out:
      return "timed_out";
    case FailureCause::integrity_violated:
      return "integrity_violated";
    case FailureCause::unreachable:
      return "unreachable";
    case FailureCause::connection_ended:
      return "connection_ended";
    case FailureCause::no_credentials:
      return "no_credentials";
    case FailureCause::credentials_refused:
      return "credentials_refused";
    case FailureCause::bid_down:
      return "bid_down";
    case FailureCause::no_common_algorithm:
      return "no_common_algorithm";
    case FailureCause::too_many_challenges:
      return "too_many_challenges";
    case FailureCause::malformed_response:
      return "malformed_response";
    case FailureCause::unknown_attribute:
      return "unknown_attribute";
    case FailureCause::unexpected_family:
      return "unexpected_family";
    case FailureCause::request_too_large:
      return "request_too_large";
  }
  return "unknown";
}

std::string to_string(const RequestFailure& failure) {
  std::string text{name_of(failure.method)};
  text += ": ";
  if (failure.cause != FailureCause::error_response) return text += name_of(failure.cause);
  text += std::to_string(failure.code);
  text += ' ';
  return text += reason_of(static_cast<ErrorCode>(failure.code));
}

}  // namespace uturn
