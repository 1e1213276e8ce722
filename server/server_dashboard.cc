// The dashboard of a server: opened, served and reloaded with it.
#include "server/admin/dashboard_server.h"
#include "server/ice_servers.h"
#include "server/server.h"
#include "server/tls_checks.h"

namespace uturn {

// While still root, and before anybody asks the policy: it is no peer of anybody's.
Result<Done, std::string> Server::open_dashboard() {
  auto opened = DashboardServer::open(config_, clock_);
  if (!opened) return Failure{opened.error()};
  dashboard_ = std::move(*opened);
  if (dashboard_) admin_log().info("dashboard", {{"url", dashboard_->url()}});
  return Done{};
}

Result<Done, std::string> Server::serve_dashboard() {
  if (!dashboard_) return Done{};
  return dashboard_->serve(
      {*this, *sampler_, {uris_, config_.metrics.coturn_names}, [this] { return test_facts(); }});
}

TestFacts Server::test_facts() const {
  const std::lock_guard lock(live_);
  TestFacts facts;
  facts.urls = ice_urls(uris_, config_.relay.external, locals_, certified_name(config_.tls));
  facts.secrets = config_.auth.secrets;
  facts.rest = config_.auth.rest;
  facts.needs_credential = config_.auth.required;
  return facts;
}

}  // namespace uturn
