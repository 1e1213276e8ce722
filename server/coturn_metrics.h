// The names that coturn gives its metrics, for dashboards that exist.
#pragma once

#include "server/metric_families.h"
#include "server/sample.h"
#include "server/statistics.h"

namespace uturn {

/// As coturn 4.17 names them, but live: its traffic counters move when an allocation ends.
void tell_in_coturn_names(MetricFamilies& out, const ServerSample& sample, const Statistics& sum);

}  // namespace uturn
