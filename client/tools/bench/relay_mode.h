// Relay mode: the threads of the generator, the measured time, and what comes out of both.
#pragma once

#include <string>

#include "client/tools/bench/bench_server.h"
#include "client/tools/bench/progress.h"
#include "client/tools/bench/report.h"
#include "protocol/result.h"

namespace uturn {

/// Relays as `report.settings` say, and fills in `relay`, `usage`, `seconds`, `io` and `scaled`.
/// The error, why it could not run, is a sentence for people.
Result<Done, std::string> run_relay(const BenchServer& server, Progress& progress,
                                    BenchReport& report);

}  // namespace uturn
