// Response: an answer judged before anybody believes it (RFC 8489, Sections 6.3.3, 6.3.4, 9.2.5).
#pragma once

#include <optional>

#include "client/failure.h"
#include "client/long_term_credentials.h"
#include "protocol/message_view.h"

namespace uturn {

struct ResponseDiscarded {  ///< as if it had never been received
  bool integrity_violated = false;
};
struct ResponseRetry {};  ///< a challenge was taken: send the request anew
struct ResponseSuccess {};
using ResponseVerdict =
    std::variant<ResponseDiscarded, ResponseRetry, ResponseSuccess, RequestFailure>;

/// `was_signed`: the request carried credentials. What the response teaches about realm and nonce
/// is kept in `credentials`.
ResponseVerdict judge(const MessageView& response, bool was_signed,
                      LongTermCredentials& credentials);

/// Attributes no RFC of the family defines and that must be understood (RFC 8489, Section 14).
bool has_unknown_required_attribute(const MessageView& message);

}  // namespace uturn
