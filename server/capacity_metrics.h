// What a server has room for: limits that were hit, and how full queues, rings and buffers came.
#pragma once

#include "server/metric_families.h"
#include "server/sample.h"
#include "server/statistics.h"

namespace uturn {

void tell_limits(MetricFamilies& out, const Statistics& sum);
void tell_queues(MetricFamilies& out, const ServerSample& sample, const StreamCounters& streams);

}  // namespace uturn
