// The arguments of `uturn bench`: a URI, a workload and flags, read into one BenchOptions.
#pragma once

#include <CLI/CLI.hpp>

#include "client/tools/bench/options.h"

namespace uturn {

/// Declares the options on a CLI::App, whose parse() then fills in `options`. A workload is applied
/// before any other flag, wherever it stands.
void add_bench_arguments(CLI::App& app, BenchOptions& options);

/// The workloads by name, for `--workload list`.
std::string list_workloads();

}  // namespace uturn
