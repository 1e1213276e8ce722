// `uturn check FILE`: explains a configuration.
#pragma once

#include <iosfwd>
#include <string>

#include "server/config.h"
#include "server/value_sources.h"

namespace uturn {

/// Used keys, what is wrong, the effective settings, what is announced to clients and why,
/// certificates, warnings. Exit status 0 where `serve` would accept it, else 2.
int check_config_file(const std::string& path, const ValueSources& sources, std::ostream& out);

/// Which password algorithms clients are offered, and why: one line.
std::string explain_algorithms(const Config& config);
/// What the nonce says about usernames, and why.
std::string explain_anonymity(const Config& config);
/// Where users come from, in the order in which they are asked.
std::string explain_sources(const Config& config);

}  // namespace uturn
