// Secrets typed in, or piped in: from the terminal without echo, else a line of standard input.
#pragma once

#include <string>

#include "protocol/result.h"
#include "server/secret.h"

namespace uturn {

/// At a terminal asks twice, and both must be equal. Otherwise the first line of standard input.
Result<Secret, std::string> read_new_secret(const std::string& what);

}  // namespace uturn
