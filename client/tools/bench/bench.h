// Bench: `uturn bench URI`, a load generator and latency meter for any TURN server.
#pragma once

#include <iosfwd>

#include "client/tools/bench/options.h"

namespace uturn {

inline constexpr int kBenchDone = 0;
inline constexpr int kBenchFailed = 1;  ///< no allocation could be had, or the server went away
inline constexpr int kBenchUsage = 2;   ///< contradictions, a transport that is not supported yet

/// Loss is no failure: the report says it. Returns the exit status. Reads clocks, resolves names,
/// starts threads and blocks.
int run_bench(const BenchOptions& options, std::ostream& out, std::ostream& err);

}  // namespace uturn
