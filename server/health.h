// Health: do the loops turn, and could somebody get an allocation now?
#pragma once

#include <string>

#include "server/sample.h"

namespace uturn {

struct Health {
  bool is_good = true;
  std::string said = "ok\n";  ///< what is wrong, a line each
};

/// Could take an allocation now: workers turn, ports and descriptors are left, the limit is not
/// reached, and the server does not drain. No directory is asked: one that fails is an alert, and
/// no reason to take everybody's relay away.
Health find_readiness(const ServerSample& sample);

}  // namespace uturn
