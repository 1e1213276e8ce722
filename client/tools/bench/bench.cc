// Bench: the URI, the mode, the report.
#include "client/tools/bench/bench.h"

#include <fmt/format.h>
#include <unistd.h>

#include <iostream>

#include "client/tools/bench/machine.h"
#include "client/tools/bench/modes.h"
#include "client/tools/bench/progress.h"
#include "client/tools/bench/report.h"
#include "client/tools/client_socket.h"
#include "client/tools/make_connection.h"
#include "client/turn_uri.h"

namespace uturn {
namespace {

/// The server's address; the error comes with its exit status.
struct Refusal {
  int status;
  std::string why;
};

Result<TransportAddress, Refusal> resolved(const TurnUri& uri) {
  std::string error;
  const auto addresses = resolve(uri.host, uri.port, error);
  if (addresses.empty()) {
    return Failure{Refusal{kBenchFailed, fmt::format("{}: {}", uri.host, error)}};
  }
  return addresses.front();
}

/// "forward:HOST:PORT": host and port as a turn URI has them, but the port is never left out.
Result<TransportAddress, Refusal> find_forwarder(const std::string& text) {
  const std::string endpoint = text.substr(kForwarderScheme.size());
  const auto uri = TurnUri::parse("turn:" + endpoint);
  if (!uri || !endpoint.ends_with(fmt::format(":{}", uri->port))) {
    return Failure{Refusal{kBenchUsage, text + ": a bare forwarder is forward:HOST:PORT"}};
  }
  return resolved(*uri);
}

Result<BenchServer, Refusal> find_server(const BenchOptions& options) {
  if (options.is_forwarder()) {
    const auto forwarder = find_forwarder(options.uri);
    if (!forwarder) return Failure{forwarder.error()};
    return BenchServer{.address = *forwarder};
  }
  const auto uri = TurnUri::parse(options.uri);
  if (!uri)
    return Failure{Refusal{kBenchUsage, options.uri + ": " + std::string{text_of(uri.error())}}};
  if (!uri->is_turn && options.mode != BenchMode::binding) {
    return Failure{Refusal{kBenchUsage, options.uri + ": a stun URI has nothing but Binding"}};
  }
  const auto address = resolved(*uri);
  if (!address) return Failure{address.error()};
  BenchServer server{.address = *address,
                     .transport = options.transport.value_or(uri->transport),
                     .name = uri->host};
  if (!uses_tls(server.transport)) return server;
  auto security = ClientSecurity::make(options.security, uri->host, uri->is_turn);
  if (!security) return Failure{Refusal{kBenchUsage, security.error()}};
  server.tls = security->context;
  return server;
}

}  // namespace

int run_bench(const BenchOptions& options, std::ostream& out, std::ostream& err) {
  const auto refuse = [&err](int status, const std::string& why) {
    err << "uturn bench: " << why << '\n';
    return status;
  };
  if (const auto problem = problem_in(options)) return refuse(kBenchUsage, *problem);
  const auto server = find_server(options);
  if (!server) return refuse(server.error().status, server.error().why);

  BenchReport report{.settings = options, .server = server->address.to_string()};
  report.settings.transport = server->transport;
  if (const auto problem = problem_in(report.settings)) return refuse(kBenchUsage, *problem);
  report.machine = machine_report();
  const bool is_terminal = &err == &std::cerr && ::isatty(STDERR_FILENO) == 1;
  Progress progress{err, is_terminal && !options.quiet};
  const auto done = run_mode(*server, progress, report);
  if (!done) return refuse(kBenchFailed, done.error());
  options.json ? print_json(report, out) : print_table(report, out);
  return kBenchDone;
}

}  // namespace uturn
