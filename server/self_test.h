// Self-test: the server visits itself as a client would.
#pragma once

#include <string>
#include <vector>

#include "server/config.h"

namespace uturn {

/// Binding, Allocate and a datagram through the own relay both ways, over the first listener of
/// each transport, and over TLS where there is a certificate. One line for a person: what worked,
/// and before it the step that did not and why. All are visited at once: it blocks for a second,
/// and where something failed for one more to tidy up. Whom the server takes for a proxy says so
/// in the header that is expected of one, and speaks for itself.
std::string self_test(const std::vector<ListenerUri>& listeners, bool has_certificate,
                      const std::string& username, const std::string& password,
                      const std::vector<AddressRange>& proxies = {});

}  // namespace uturn
