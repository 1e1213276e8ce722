// Failure text: one sentence for each cause and each error code.
#include "client/tools/failure_text.h"

#include <fmt/format.h>

#include "protocol/error_code.h"

namespace uturn {
namespace {

std::string_view explain_code(Method method, uint16_t code) {
  const bool is_about_a_peer =
      method == Method::create_permission || method == Method::channel_bind;
  switch (static_cast<ErrorCode>(code)) {
    case ErrorCode::try_alternate:
      return "the server sends its clients to another server";
    case ErrorCode::bad_request:
      return "the server does not understand the request";
    case ErrorCode::forbidden:
      return is_about_a_peer ? "the server does not relay to this address: its peer rules forbid it"
                             : "the server refuses, by its configuration or because it is draining";
    case ErrorCode::unknown_attribute:
      return "the server does not know an attribute of the request";
    case ErrorCode::allocation_mismatch:
      return "the server says that the allocation is not there, or that this port has another one";
    case ErrorCode::address_family_not_supported:
      return "the server has no relay address of this family";
    case ErrorCode::wrong_credentials:
      return "the server says that the allocation belongs to another user";
    case ErrorCode::unsupported_transport_protocol:
      return "the server does not relay UDP";
    case ErrorCode::peer_address_family_mismatch:
      return "the relayed addresses are of different families";
    case ErrorCode::allocation_quota_reached:
      return "this user has as many allocations as the server's quota allows";
    case ErrorCode::server_error:
      return "the server has an internal problem: its log should say which";
    case ErrorCode::insufficient_capacity:
      return "the server has no relay port or no other capacity left";
    default:
      return "the server refuses";
  }
}

}  // namespace

std::string explain(const RequestFailure& failure) {
  switch (failure.cause) {
    case FailureCause::error_response: {
      const auto code = static_cast<ErrorCode>(failure.code);
      std::string text = fmt::format("{} ({} {})", explain_code(failure.method, failure.code),
                                     failure.code, reason_of(code));
      if (failure.alternate) text += ": " + failure.alternate->to_string();
      return text;
    }
    case FailureCause::timed_out:
      return "no answer: no server is there, or a firewall drops UDP on the way";
    case FailureCause::integrity_violated:
      return "answers came, but none was signed with this password";
    case FailureCause::unreachable:
      return "nothing listens on this port, or there is no way to it (ICMP unreachable)";
    case FailureCause::connection_ended:
      return "the server ended the connection";
    case FailureCause::no_credentials:
      return "the server asks for credentials: give --user and --password";
    case FailureCause::credentials_refused:
      return "the server does not accept this user name and password (401)";
    case FailureCause::bid_down:
      return "somebody on the way weakens the authentication (bid-down attack)";
    case FailureCause::no_common_algorithm:
      return "the server accepts no password algorithm that this client has";
    case FailureCause::too_many_challenges:
      return "the server challenges again and again: its nonces never stay valid";
    case FailureCause::malformed_response:
      return "the server's answer lacks what it has to contain";
    case FailureCause::unknown_attribute:
      return "the server's answer has an attribute that this client must but does not understand";
    case FailureCause::unexpected_family:
      return "the server gave a relayed address of another family than asked for";
    case FailureCause::request_too_large:
      return "the server's realm and nonce do not fit into a request";
  }
  return "unknown cause";
}

}  // namespace uturn
