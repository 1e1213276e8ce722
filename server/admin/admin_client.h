// The client of the admin socket: one question, one answer.
#pragma once

#include <string>
#include <string_view>

#include "protocol/result.h"
#include "protocol/time.h"

namespace uturn {

struct AdminAnswer {
  int status = 0;
  std::string body;
};

/// Blocks, for `patience` at the most. The error is one sentence, fit for a person who typed a
/// command: no server there, no permission, no answer.
Result<AdminAnswer, std::string> ask_admin(const std::string& socket_path, std::string_view method,
                                           std::string_view target, std::string_view body,
                                           Duration patience = std::chrono::seconds(40));

/// A value for a query (RFC 3986, Section 2.1).
std::string query_value(std::string_view text);

}  // namespace uturn
