// DashboardServer: the dashboard, its test page and the admin API on an address of the network.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/clock.h"
#include "protocol/result.h"
#include "server/admin/admin_api.h"
#include "server/admin/dashboard_guard.h"
#include "server/admin/test_credentials.h"
#include "server/config.h"
#include "server/http/http_server.h"
#include "server/metrics.h"
#include "server/sampler.h"
#include "server/shown_certificate.h"

namespace uturn {

/// What is behind the routes. All of it outlives the server, and is asked by its threads.
struct DashboardSources {
  AdminSubject& subject;
  Sampler& sampler;
  MetricsOptions metrics;
  std::function<TestFacts()> test_facts;
};

/// Everything that is served: the pages for anybody; /metrics, /livez, /readyz and /v1/… for
/// whoever shows the token. `guard` and `clock` outlive them.
std::vector<HttpRoute> dashboard_routes(const DashboardSources& sources, DashboardGuard& guard,
                                        const Clock& clock);

/// Opened while still root; served later.
class DashboardServer {
 public:
  /// Null where admin.listen names none. The error is one sentence.
  static Result<std::unique_ptr<DashboardServer>, std::string> open(const Config& config,
                                                                    const Clock& clock);
  Result<Done, std::string> serve(const DashboardSources& sources);
  void stop() { http_->stop(); }

  /// Another token, and another certificate read and checked. Nothing has changed by it.
  struct Prepared {
    Secret token;
    HttpTlsFiles files;
    HttpCertificate certificate;  ///< null: none is shown
  };
  Result<Prepared, std::string> prepare(const Config& config) const;
  /// Those from here on.
  void take(Prepared prepared);
  /// The files again. On error the certificate is as it was.
  Result<Done, std::string> reload_certificate();

  const TransportAddress& address() const { return http_->address(); }
  std::string url() const;
  std::optional<TlsCertificateFacts> certificate() const { return shown_.facts(); }

 private:
  DashboardServer(std::unique_ptr<HttpServer> http, HttpTlsFiles files, Secret token,
                  const Clock& clock)
      : guard_(std::move(token)), files_(std::move(files)), clock_(clock), http_(std::move(http)) {
    shown_.note(files_);
  }

  DashboardGuard guard_;
  HttpTlsFiles files_;  ///< empty: plain HTTP
  const Clock& clock_;
  std::unique_ptr<HttpServer> http_;
  ShownCertificate shown_;
};

}  // namespace uturn
