// Origins: the web page that a client says it runs for (draft-johnston-tram-stun-origin-02), which
// chooses a realm in coturn and here.
#pragma once

#include <string>
#include <string_view>

#include "protocol/attribute_type.h"

namespace uturn {

/// ORIGIN was never registered: this is the number that the draft had, coturn has, and its clients
/// send.
inline constexpr AttributeType kOriginAttribute{0x802F};
/// The longest that is looked at.
inline constexpr size_t kMaxOrigin = 255;

/// As coturn compares and stores them: in lower case, with the port of http, https and ftp written
/// out and nothing behind it. What is no URI is as it was given, in lower case.
std::string canonical_origin(std::string_view origin);

}  // namespace uturn
