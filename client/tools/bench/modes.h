// Modes: what each of them runs, and what runs beside it.
#pragma once

#include <string>

#include "client/tools/bench/bench_server.h"
#include "client/tools/bench/progress.h"
#include "client/tools/bench/report.h"
#include "protocol/result.h"

namespace uturn {

/// Runs the mode of `report.settings`, its floods beside it, and fills in the report. The error,
/// why it could not run, is a sentence for people.
Result<Done, std::string> run_mode(const BenchServer& server, Progress& progress,
                                   BenchReport& report);

}  // namespace uturn
