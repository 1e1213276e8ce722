// Least squares: the slope of a server's memory over time.
#pragma once

#include <optional>
#include <span>

#include "client/tools/bench/report.h"

namespace uturn {

/// Bytes per hour, by the straight line that fits the samples best. Nothing where there are fewer
/// than two moments.
std::optional<double> slope_per_hour(std::span<const MemorySample> samples);

}  // namespace uturn
