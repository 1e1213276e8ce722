// Response: the checks, in the order of RFC 8489, Section 9.2.5 and then Section 6.3.
#include "client/response.h"

#include <algorithm>

#include "protocol/attributes.h"

namespace uturn {
namespace {

constexpr size_t kMaxReasonKept = 128;

bool is(const std::optional<ErrorValue>& error, ErrorCode code) {
  return error && error->code == static_cast<uint16_t>(code);
}

FailureCause cause_of(Challenge challenge) {
  switch (challenge) {
    case Challenge::no_credentials:
      return FailureCause::no_credentials;
    case Challenge::refused:
      return FailureCause::credentials_refused;
    case Challenge::bid_down:
      return FailureCause::bid_down;
    case Challenge::no_common_algorithm:
      return FailureCause::no_common_algorithm;
    case Challenge::retry:
    case Challenge::malformed:
      break;
  }
  return FailureCause::malformed_response;
}

RequestFailure failure_of(const MessageView& response, FailureCause cause,
                          const std::optional<ErrorValue>& error) {
  RequestFailure failure{.method = response.method(), .cause = cause};
  if (!error) return failure;
  failure.code = error->code;
  failure.reason = error->reason.substr(0, kMaxReasonKept);
  return failure;
}

}  // namespace

ResponseVerdict judge(const MessageView& response, bool was_signed,
                      LongTermCredentials& credentials) {
  std::optional<ErrorValue> error;
  if (response.message_class() == MessageClass::error) {
    if (const auto attribute = response.find(AttributeType::error_code)) {
      error = decode_error_code(attribute->value);
    }
  }

  // A server that cannot tell who asked cannot sign: 401 and 438 are taken unsigned (Section 14.8).
  if (is(error, ErrorCode::unauthenticated) || is(error, ErrorCode::stale_nonce)) {
    const Challenge challenge = credentials.take_challenge(response, was_signed);
    if (challenge == Challenge::retry) return ResponseRetry{};
    return failure_of(response, cause_of(challenge), error);
  }
  if (is_bid_down(response)) return ResponseDiscarded{};

  const bool has_integrity =
      response.integrity_offset() != 0 || response.integrity_sha256_offset() != 0;
  if (is(error, ErrorCode::bad_request) && credentials.are_given() && !has_integrity) {
    return ResponseDiscarded{.integrity_violated = true};
  }
  if (was_signed && !credentials.verify(response)) {
    return ResponseDiscarded{.integrity_violated = true};
  }

  if (has_unknown_required_attribute(response)) {
    return failure_of(response, FailureCause::unknown_attribute, error);
  }
  if (response.message_class() == MessageClass::success) return ResponseSuccess{};
  if (!error) return failure_of(response, FailureCause::malformed_response, error);

  RequestFailure failure = failure_of(response, FailureCause::error_response, error);
  if (is(error, ErrorCode::try_alternate)) {
    if (const auto alternate = response.find(AttributeType::alternate_server)) {
      failure.alternate = decode_address(alternate->value);
    }
  }
  return failure;
}

bool has_unknown_required_attribute(const MessageView& message) {
  return std::any_of(message.begin(), message.end(), [](const AttributeView& attribute) {
    return is_comprehension_required(attribute.type) && name_of(attribute.type) == "unknown";
  });
}

}  // namespace uturn
