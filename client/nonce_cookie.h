// Nonce cookie: what a server's nonce announces, read by a client (RFC 8489, Sections 9.2
// and 18.1).
#pragma once

#include <string_view>

#include "auth/nonce.h"

namespace uturn {

/// All off where the nonce does not start with the cookie. Both ways to count the bits are in the
/// field (Section 18.1 from the left, erratum 6290 from the right) and no other bits are assigned,
/// so a client takes either: a bid-down is then detected whatever the server believes.
SecurityFeatures security_features_of(std::string_view nonce);

}  // namespace uturn
