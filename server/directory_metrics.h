// What others do for a server and ask of it: databases and webhooks, and programs over HTTP.
#pragma once

#include "server/metric_families.h"
#include "server/sample.h"

namespace uturn {

void tell_directories(MetricFamilies& out, const ServerSample& sample);
void tell_http(MetricFamilies& out, const ServerSample& sample);

}  // namespace uturn
