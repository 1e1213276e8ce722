// Prints a Config as YAML, every key, secrets masked; what is printed can be read again.
#pragma once

#include <string>

#include "server/config.h"

namespace uturn {

std::string print_config(const Config& config);

}  // namespace uturn
