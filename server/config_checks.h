// What a Config must satisfy as a whole, and what it had better.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "protocol/time.h"
#include "server/config.h"
#include "server/config_problem.h"

namespace uturn {

/// Why this configuration is not served: keys that are right by themselves and not together.
ConfigProblems find_contradictions(const Config& config);

/// What will run and should make somebody think, one sentence each. Without `now` nothing is said
/// of the dates of certificates.
std::vector<std::string> find_warnings(const Config& config, std::optional<CalendarTime> now);

}  // namespace uturn
