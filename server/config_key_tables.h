// The tables that config_keys() puts together.
#pragma once

#include <span>

#include "server/config_keys.h"

namespace uturn {

std::span<const ConfigKey> service_keys();    ///< server to proxy: what clients are served
std::span<const ConfigKey> operation_keys();  ///< credentials to log: what operators work with

}  // namespace uturn
