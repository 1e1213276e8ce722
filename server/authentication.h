// Builds the authenticator that a configuration describes.
#pragma once

#include <memory>
#include <vector>

#include "auth/authenticator.h"
#include "server/config.h"

namespace uturn {

/// One per shard. `keys`: at least one; the first mints.
std::unique_ptr<Authenticator> make_authenticator(const Config& config, std::vector<NonceKey> keys);

}  // namespace uturn
