// What a webhook is asked, and what its answer says: JSON both ways.
#pragma once

#include <string>
#include <string_view>

#include "server/directories/cached_directory.h"

namespace uturn {

inline constexpr size_t kMaxWebhookAnswer = 16 * 1024;

/// {"user": …, "realm": …, "client": …}: who wants to be let in, and from which address.
std::string webhook_question(const DirectoryQuestion& question);

/// 200 with {"password": …} or {"key": "0x…" or a list of two}, and perhaps {"class": …, "ttl":
/// seconds}; 403 and 404 are "no such user"; anything else, or a body that says something else, is
/// a failure.
SourceAnswer read_webhook_answer(long status, std::string_view body, std::string_view realm,
                                 const std::string& username);

}  // namespace uturn
