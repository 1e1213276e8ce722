// Workloads: the named settings that results are published for.
#pragma once

#include <span>
#include <string_view>

#include "client/tools/bench/options.h"

namespace uturn {

struct Workload {
  std::string_view name;
  std::string_view summary;
  void (*apply)(BenchOptions& options);
};

std::span<const Workload> workloads();
const Workload* find_workload(std::string_view name);

}  // namespace uturn
