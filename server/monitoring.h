// Monitoring: the HTTP listener that Prometheus and health checks ask.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "protocol/result.h"
#include "server/config.h"
#include "server/http/http_server.h"
#include "server/metrics.h"
#include "server/sampler.h"

namespace uturn {

/// GET /metrics, /livez and /readyz. The sampler must outlive whoever serves them.
std::vector<HttpRoute> monitoring_routes(Sampler& sampler, const MetricsOptions& options);

/// Bounds of the listener: a scrape is small, and nobody needs many at once.
HttpLimits monitoring_limits();

}  // namespace uturn
