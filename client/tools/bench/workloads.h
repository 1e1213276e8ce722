// Workloads: the named settings that results are published for.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "client/tools/bench/options.h"

namespace uturn {

struct Workload {
  std::string_view name;
  std::string_view summary;
  void (*apply)(BenchOptions& options);
};

/// What a thread of the generator sends in a second and still has time to receive as much.
inline constexpr double kPacketsPerThread = 100'000;

/// A published workload may want more packets than the generator's threads can send; then it is
/// late with every packet, and measures itself. Fewer allocations at the same rate for each: says
/// so, or nothing where all is well. Rates that were asked for by a flag alone stay.
std::optional<std::string> fit_to_threads(BenchOptions& options);

std::span<const Workload> workloads();
const Workload* find_workload(std::string_view name);

}  // namespace uturn
