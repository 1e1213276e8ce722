// Probe: parses, resolves, visits, reports.
#include "client/tools/probe.h"

#include <optional>
#include <ostream>

#include "client/tools/client_socket.h"
#include "client/tools/make_connection.h"
#include "client/tools/probe_report.h"
#include "client/tools/probe_visit.h"
#include "client/turn_uri.h"

namespace uturn {
namespace {

/// Tries the addresses in turn; each gets its share of the time that is left until one answers.
ProbeReport visit(const TurnUri& uri, const ProbeOptions& options, const ClientSecurity* security) {
  ProbeReport report{.uri = uri.to_string(), .server = {}, .steps = {}};
  std::string error;
  const auto addresses = resolve(uri.host, uri.port, error);
  if (addresses.empty()) {
    report.steps.push_back({.name = "resolve",
                            .status = ProbeStep::Status::failed,
                            .cause = "the host name cannot be resolved: " + error,
                            .cause_id = "not_resolved"});
    return report;
  }
  const ProbeSettings settings{.username = options.username,
                               .password = options.password,
                               .transport = uri.transport,
                               .relays = uri.is_turn,
                               .security = security};
  const Instant end = read_clocks().monotonic + options.timeout;
  for (size_t i = 0; i < addresses.size(); ++i) {
    const Instant now = read_clocks().monotonic;
    const Instant share = now + (end - now) / static_cast<int64_t>(addresses.size() - i);
    ProbeVisit attempt{settings, addresses[i], share};
    report.server = addresses[i].to_string();
    const bool answered = attempt.connect_and_bind();
    if (answered && settings.relays) attempt.relay(end);
    report.steps = attempt.take_steps();
    if (answered) break;
  }
  return report;
}

}  // namespace

int run_probe(const ProbeOptions& options, std::ostream& out, std::ostream& err) {
  const auto uri = TurnUri::parse(options.uri);
  if (!uri) {
    err << "uturn probe: " << options.uri << ": " << text_of(uri.error()) << '\n';
    return kProbeUsage;
  }
  if (options.username.empty() != options.password.empty()) {
    err << "uturn probe: a user and a password belong together\n";
    return kProbeUsage;
  }
  if (options.timeout < std::chrono::seconds{1}) {
    err << "uturn probe: the timeout must be 1 second at least\n";
    return kProbeUsage;
  }
  std::optional<ClientSecurity> security;
  if (uses_tls(uri->transport)) {
    auto made = ClientSecurity::make(options.security, uri->host, uri->is_turn);
    if (!made) {
      err << "uturn probe: " << made.error() << '\n';
      return kProbeUsage;
    }
    security = *std::move(made);
  }
  const ProbeReport report = visit(*uri, options, security ? &*security : nullptr);
  options.json ? print_json(report, out) : print_table(report, out);
  return report.is_healthy() ? kProbeHealthy : kProbeUnhealthy;
}

}  // namespace uturn
