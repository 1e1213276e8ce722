// Opening and serving the dashboard.
#include "server/admin/dashboard_server.h"

#include <utility>

#include "server/admin/dashboard_pages.h"
#include "server/monitoring.h"

namespace uturn {
namespace {

constexpr uint32_t kConnections = 64;
constexpr uint64_t kBodySize = 16 * 1024;  // of a kick that names some hundreds of sessions

HttpTlsFiles files_of(const Config& config) {
  if (!config.admin.certificate.empty()) return {config.admin.certificate, config.admin.key};
  if (config.admin.listen->ip.is_loopback()) return {};
  return {config.tls.main.certificate, config.tls.main.key};
}

}  // namespace

std::vector<HttpRoute> dashboard_routes(const DashboardSources& sources, DashboardGuard& guard,
                                        const Clock& clock) {
  std::vector<HttpRoute> routes = admin_routes(sources.subject);
  for (HttpRoute& route : monitoring_routes(sources.sampler, sources.metrics)) {
    routes.push_back(std::move(route));
  }
  routes.push_back(
      {"POST", "/v1/test-credentials", [facts = sources.test_facts, &clock](const HttpRequest&) {
         return make_test_credentials(facts(), clock.now().calendar);
       }});
  for (HttpRoute& route : routes) {
    route.handle = [handle = std::move(route.handle), &guard, &clock](const HttpRequest& request) {
      auto refusal = guard.refuse(request, clock.monotonic());
      return refusal ? *std::move(refusal) : handle(request);
    };
  }
  for (HttpRoute& page : dashboard_pages()) {
    page.handle = [handle = std::move(page.handle), &guard, &clock](const HttpRequest& request) {
      auto refusal = guard.refuse_haste(request, clock.monotonic());
      return refusal ? *std::move(refusal) : handle(request);
    };
    routes.push_back(std::move(page));
  }
  return routes;
}

Result<std::unique_ptr<DashboardServer>, std::string> DashboardServer::open(const Config& config,
                                                                            const Clock& clock) {
  const auto& wanted = config.admin.listen;
  if (!wanted) return std::unique_ptr<DashboardServer>();
  // Kicks and reloads take their time; lists are asked for in pages.
  const HttpLimits limits{.workers = 4, .connections = kConnections, .body_size = kBodySize};
  HttpTlsFiles files = files_of(config);
  auto http = files.certificate.empty() ? HttpServer::open(*wanted, limits)
                                        : HttpServer::open(*wanted, files, limits);
  if (!http) return Failure{"admin.listen: " + http.error()};
  return std::unique_ptr<DashboardServer>(
      new DashboardServer(std::move(*http), std::move(files), config.admin.token, clock));
}

Result<Done, std::string> DashboardServer::serve(const DashboardSources& sources) {
  return http_->serve(dashboard_routes(sources, guard_, clock_));
}

// Whether it is TLS was decided when it was opened.
Result<DashboardServer::Prepared, std::string> DashboardServer::prepare(
    const Config& config) const {
  Prepared prepared{config.admin.token, files_of(config), nullptr};
  if (prepared.files.certificate.empty() || files_.certificate.empty()) return prepared;
  auto read = HttpServer::read_certificate(prepared.files);
  if (!read) return Failure{"admin.listen: " + read.error()};
  prepared.certificate = *std::move(read);
  return prepared;
}

void DashboardServer::take(Prepared prepared) {
  guard_.set_token(std::move(prepared.token));
  if (!prepared.certificate) return;
  files_ = std::move(prepared.files);
  http_->use_certificate(std::move(prepared.certificate));
  shown_.note(files_);
}

Result<Done, std::string> DashboardServer::reload_certificate() {
  if (files_.certificate.empty()) return Done{};
  auto read = HttpServer::read_certificate(files_);
  if (!read) return Failure{read.error()};
  http_->use_certificate(*std::move(read));
  shown_.note(files_);
  return Done{};
}

std::string DashboardServer::url() const {
  return (files_.certificate.empty() ? "http://" : "https://") + address().to_string() + "/";
}

}  // namespace uturn
