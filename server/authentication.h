// Builds the authenticator that a configuration describes.
#pragma once

#include <memory>
#include <vector>

#include "auth/authenticator.h"
#include "server/config.h"

namespace uturn {

/// One per shard. `keys`: at least one; the first mints. `directories` are asked in their order,
/// behind the users and secrets of the configuration. `secrets`: a database's.
std::unique_ptr<Authenticator> make_authenticator(
    const Config& config, std::vector<NonceKey> keys,
    std::vector<std::shared_ptr<UserDirectory>> directories = {},
    const std::vector<Secret>& secrets = {});

/// The secrets of the configuration and behind them these, together kMaxSecrets at the most; null
/// where there are none.
std::shared_ptr<RestSecrets> make_rest_secrets(const Config& config,
                                               const std::vector<Secret>& further = {});

}  // namespace uturn
