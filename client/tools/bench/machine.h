// Machine: on what a result was measured.
#pragma once

#include "client/tools/bench/report.h"

namespace uturn {

MachineReport machine_report();

}  // namespace uturn
