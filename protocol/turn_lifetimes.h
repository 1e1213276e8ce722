// The lifetimes that client and server of TURN agree on (RFC 8656).
#pragma once

#include <chrono>

namespace uturn {

inline constexpr std::chrono::seconds kDefaultLifetime{600};     // of an allocation, Section 3.2
inline constexpr std::chrono::seconds kPermissionLifetime{300};  // Section 9
inline constexpr std::chrono::seconds kChannelLifetime{600};     // Section 12

}  // namespace uturn
