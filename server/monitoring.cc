// Routes for those who watch. None of them changes anything.
#include "server/monitoring.h"

#include "server/health.h"

namespace uturn {

std::vector<HttpRoute> monitoring_routes(Sampler& sampler, const MetricsOptions& options) {
  const auto health = [](const Health& health) {
    return HttpResponse{health.is_good ? 200 : 503, health.said, "text/plain; charset=utf-8"};
  };
  return {
      {"GET", "/metrics",
       [&sampler, options](const HttpRequest&) {
         return HttpResponse{200, metrics_text(sampler.sample(), options),
                             std::string(kMetricsType)};
       }},
      {"GET", "/livez",
       [&sampler, health](const HttpRequest&) {
         return health(sampler.all_answer() ? Health{} : Health{false, "a worker hangs\n"});
       }},
      {"GET", "/readyz",
       [&sampler, health](const HttpRequest&) { return health(find_readiness(sampler.sample())); }},
  };
}

HttpLimits monitoring_limits() {
  HttpLimits limits;
  limits.connections = 32;
  limits.queue = 16;
  limits.body_size = 1'024;
  return limits;
}

}  // namespace uturn
