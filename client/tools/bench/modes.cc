// Modes: relaying, requests, both at once; floods.
#include "client/tools/bench/modes.h"

#include <atomic>
#include <optional>
#include <thread>
#include <utility>

#include "client/tools/bench/flood.h"
#include "client/tools/bench/relay_mode.h"
#include "client/tools/bench/request_modes.h"

namespace uturn {
namespace {

/// Clients come and go in a thread of their own while others relay.
Result<Done, std::string> run_soak(const BenchServer& server, Progress& progress,
                                   BenchReport& report) {
  std::atomic<bool> stop = false;
  BenchReport churn{.settings = report.settings};
  Result<Done, std::string> churned = Done{};
  std::thread thread{[&] { churned = run_churn(server, stop, churn); }};
  const auto relayed = run_relay(server, progress, report);
  stop = true;
  thread.join();
  if (!relayed) return relayed;
  report.requests = churn.requests;
  report.releases = churn.releases;
  if (report.usage && churn.usage) {
    report.usage->memory = churn.usage->memory;
    report.usage->rss_bytes_per_hour = churn.usage->rss_bytes_per_hour;
  }
  return churned;
}

Result<Done, std::string> run_one(const BenchServer& server, Progress& progress,
                                  BenchReport& report) {
  switch (report.settings.mode) {
    case BenchMode::relay:
      return run_relay(server, progress, report);
    case BenchMode::churn:
      return run_soak(server, progress, report);
    case BenchMode::allocate:
    case BenchMode::idle:
    case BenchMode::lives:
    case BenchMode::binding:
      break;
  }
  return run_requests(server, report);
}

}  // namespace

Result<Done, std::string> run_mode(const BenchServer& server, Progress& progress,
                                   BenchReport& report) {
  if (report.settings.floods.empty()) return run_one(server, progress, report);
  auto flood = Flood::start(report.settings, server.address);
  if (!flood) return Failure{"flood: " + flood.error()};
  auto done = run_one(server, progress, report);
  report.floods = flood->stop();
  return done;
}

}  // namespace uturn
