// serve: runs the server that a configuration describes until a signal ends it.
#pragma once

#include "server/config.h"

namespace uturn {

/// The exit status: 0 for a clean stop, 1 for what only running shows (an address in use).
int serve(const Config& config);

}  // namespace uturn
