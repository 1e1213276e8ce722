// Relay mode: set up, go, measure, stop, sum.
#include "client/tools/bench/relay_mode.h"

#include <fmt/format.h>
#include <pthread.h>
#include <sched.h>

#include <latch>
#include <thread>

#include "client/tools/bench/relay_generator.h"
#include "client/tools/bench/usage_meter.h"
#include "client/tools/bench/workloads.h"
#include "client/tools/client_socket.h"
#include "io/make_loop.h"

namespace uturn {
namespace {

constexpr uint64_t kOwnDescriptors = 64;  // of loops, files and the process itself
constexpr Duration kGetReady = 20ms;      // between the last allocation and the first packet
constexpr Duration kProgressEvery = 100ms;

void pin_to(const std::vector<uint32_t>& cpus, uint32_t thread) {
  if (cpus.empty()) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpus[thread % cpus.size()], &set);
  ::pthread_setaffinity_np(::pthread_self(), sizeof set, &set);
}

/// Fewer allocations where there are not descriptors enough, at the same rate for each.
void fit_into_descriptors(BenchReport& report) {
  BenchOptions& options = report.settings;
  const uint64_t limit = raise_descriptor_limit();
  const uint64_t shared = kOwnDescriptors + options.peers.value_or(0);
  const uint64_t each = 1 + (options.peers ? 0 : options.fanout);
  const uint64_t most = limit > shared + each ? (limit - shared) / each : 1;
  if (options.allocations <= most) return;
  report.scaled.push_back(
      fmt::format("allocations {} -> {}: {} descriptors", options.allocations, most, limit));
  if (options.rate) *options.rate *= static_cast<double>(most) / options.allocations;
  options.allocations = static_cast<uint32_t>(most);
}

/// What the threads wait for in turn.
struct Gates {
  explicit Gates(uint32_t threads) : ready(threads) {}
  std::latch ready;
  std::latch go{1};
  std::latch measured{1};
  std::optional<RelayTimes> times{};  ///< written before `go`; none: give up
};

struct GeneratorThread {
  GeneratorThread(std::unique_ptr<Loop> loop, RelayRun& run, uint32_t allocations)
      : generator(std::move(loop), run, allocations) {}

  void live(Gates& gates, const std::vector<uint32_t>& cpus, uint32_t number) {
    pin_to(cpus, number);
    opened = generator.open_sockets();
    if (opened) set_up = generator.set_up();
    gates.ready.count_down();
    gates.go.wait();
    if (gates.times && set_up) generator.relay(*gates.times);
    gates.measured.wait();
    if (opened) generator.release();
  }

  RelayGenerator generator;
  Result<Done, std::string> opened = Failure{std::string{}};
  Result<Done, std::string> set_up = Failure{std::string{}};
  std::thread thread{};
};
using GeneratorThreads = std::vector<std::unique_ptr<GeneratorThread>>;

Result<GeneratorThreads, std::string> make_threads(RelayRun& run, BenchReport& report) {
  const auto choice = choose_io(IoWish::automatic);
  if (!choice) return Failure{choice.error()};
  const BenchOptions& options = run.options;
  GeneratorThreads threads;
  for (uint32_t i = 0; i < options.threads; ++i) {
    const uint32_t share =
        options.allocations / options.threads + (i < options.allocations % options.threads ? 1 : 0);
    const LoopSettings settings =
        RelayGenerator::loop_settings(options, run.server.transport, share);
    auto loop = try_make_loop(choice->kind, settings);
    // A small ring was tried; one of this size may still be refused.
    if (!loop) loop = try_make_loop(IoKind::epoll, settings);
    if (!loop) return Failure{loop.error()};
    report.io = (*loop)->name();
    threads.push_back(std::make_unique<GeneratorThread>(*std::move(loop), run, share));
  }
  return threads;
}

void wait_until(Instant until, const auto& each_time) {
  for (Instant now = read_clocks().monotonic; now < until; now = read_clocks().monotonic) {
    each_time(now);
    std::this_thread::sleep_for(std::min(until - now, kProgressEvery));
  }
}

/// Nobody has an allocation: why. And what of those that were asked for could not be had.
Result<Done, std::string> judge_set_up(const GeneratorThreads& threads, BenchReport& report) {
  size_t ready = 0;
  std::map<std::string, uint64_t> failures;
  std::string first_failure;
  for (const auto& thread : threads) {
    if (!thread->opened) return Failure{thread->opened.error()};
    ready += thread->generator.clients().ready();
    for (const auto& [what, count] : thread->generator.clients().failures()) {
      failures[what] += count;
    }
    if (first_failure.empty()) first_failure = thread->generator.clients().first_failure();
  }
  if (ready == 0) return Failure{first_failure};
  if (ready < report.settings.allocations) {
    std::string why;
    for (const auto& [what, count] : failures) why += fmt::format(", {} x {}", count, what);
    report.scaled.push_back(fmt::format("allocations {} -> {}: {}{}", report.settings.allocations,
                                        ready, first_failure, why));
    report.settings.allocations = static_cast<uint32_t>(ready);
  }
  return Done{};
}

/// Lets the threads go, and looks at the server when the measured time begins and when it ends.
void measure(Gates& gates, const RelayRun& run, UsageMeter& meter, Progress& progress,
             BenchReport& report) {
  const Instant start = read_clocks().monotonic + kGetReady;
  const Instant measure_from = start + run.options.warmup;
  const Instant end = measure_from + run.options.duration;
  gates.times = RelayTimes{start, measure_from, end};
  gates.go.count_down();
  const auto show = [&](Instant now) {
    progress.show_relaying(now - start, end - start, run.relayed.load(std::memory_order_relaxed));
  };
  wait_until(measure_from, show);
  const auto rss_before = report.usage ? report.usage->rss_bytes_before : std::nullopt;
  meter.begin();
  wait_until(end, show);
  report.usage = meter.end("packet", 0);
  if (!report.usage) return;
  report.usage->rss_bytes_before = rss_before;  // before there was any allocation
  report.usage->anonymous_bytes_before.reset();
}

/// From the first request to the last packet. The threads wait for `gates.measured` afterwards.
Result<Done, std::string> set_up_and_measure(Gates& gates, RelayRun& run,
                                             const GeneratorThreads& threads, UsageMeter& meter,
                                             Progress& progress, BenchReport& report) {
  while (!gates.ready.try_wait()) {
    progress.show_set_up(run.ready.load(std::memory_order_relaxed), run.options.allocations);
    std::this_thread::sleep_for(kProgressEvery / 10);
  }
  auto verdict = judge_set_up(threads, report);
  if (!verdict) {
    gates.go.count_down();
    return verdict;
  }
  measure(gates, run, meter, progress, report);
  if (meter.has_vanished()) return Failure{std::string{"the server ended during the run"}};
  return Done{};
}

/// A server may install the permission and drop the data: uturn does so where a peer has the IP
/// address it relays from.
std::string why_nothing_came(const RelayRun& run, const RelayReport& relay) {
  if (relay.sent == 0) {
    return fmt::format(
        "no packet was sent in time, {} were due: the generator is too slow for that", relay.late);
  }
  const std::string peer = run.peers.addresses.front().to_string();
  if (run.options.is_forwarder()) {
    return fmt::format(
        "{} packets were sent and none came through: there is no way between {} and the address "
        "that the forwarder relays from, or a firewall stands in it",
        relay.sent, peer);
  }
  return fmt::format(
      "{} packets were sent and none came through: the server's peer rules forbid {} (uturn: "
      "--allow-peer {}), or a firewall stands before the relay ports",
      relay.sent, peer, peer);
}

Result<Done, std::string> sum_up(const GeneratorThreads& threads, const RelayRun& run,
                                 BenchReport& report) {
  RelayCounts counts;
  size_t lost = 0;
  for (const auto& thread : threads) {
    counts.merge(thread->generator.counts());
    lost += thread->generator.clients().lost();
  }
  const ConnectionSecurity* security = threads.front()->generator.security();
  if (security != nullptr) report.security = *security;
  if (lost > 0) report.scaled.push_back(fmt::format("{} allocations were lost on the way", lost));
  report.seconds = std::chrono::duration<double>(report.settings.duration).count();
  report.relay = report_of(counts, report.settings, report.seconds);
  if (report.usage) report.usage->units = report.relay->received;
  if (report.relay->received > 0) return Done{};
  return Failure{why_nothing_came(run, *report.relay)};
}

}  // namespace

Result<Done, std::string> run_relay(const BenchServer& server, Progress& progress,
                                    BenchReport& report) {
  fit_into_descriptors(report);
  if (auto said = fit_to_threads(report.settings)) report.scaled.push_back(std::move(*said));
  auto meter = UsageMeter::watching(report.settings.server_pid);
  if (!meter) return Failure{meter.error()};
  if (meter->is_watching()) report.usage.emplace().rss_bytes_before = meter->rss_bytes();

  RelayRun run{.options = report.settings, .server = server};
  auto clients = find_place(run.options.client_addresses, run.options.client_netns, server.address);
  if (!clients) return Failure{"clients: " + clients.error()};
  auto peers = find_place(run.options.peer_addresses, run.options.peer_netns, server.address);
  if (!peers) return Failure{"peers: " + peers.error()};
  run.clients = *clients;
  run.peers = *peers;

  auto threads = make_threads(run, report);
  if (!threads) return Failure{threads.error()};
  Gates gates{run.options.threads};
  for (uint32_t i = 0; i < run.options.threads; ++i) {
    GeneratorThread& thread = *(*threads)[i];
    thread.thread = std::thread{[&, i] { thread.live(gates, run.options.cpus, i); }};
  }
  const auto measured = set_up_and_measure(gates, run, *threads, *meter, progress, report);
  gates.measured.count_down();
  for (const auto& thread : *threads) thread->thread.join();
  progress.clear();
  return measured ? sum_up(*threads, run, report) : measured;
}

}  // namespace uturn
