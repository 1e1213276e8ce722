// Request modes: who begins when, what is looked at when, and what the report says of it.
#include "client/tools/bench/request_modes.h"

#include <algorithm>
#include <utility>

#include "client/tools/bench/binding_clients.h"
#include "client/tools/bench/cpu_affinity.h"
#include "client/tools/bench/life_clients.h"
#include "client/tools/bench/request_loop.h"
#include "client/tools/bench/request_pump.h"
#include "client/tools/bench/usage_meter.h"

namespace uturn {
namespace {

constexpr uint32_t kLifeSockets = 2'000;  // lives take turns on these
constexpr Duration kDrain = 5s;           // for what is under way when the time is over

/// One run of a mode of lives.
class LifeRun {
 public:
  LifeRun(RequestLoop io, UsageMeter meter, LifePlan plan, const BenchServer& server,
          BenchReport& report)
      : io_(std::move(io)),
        meter_(std::move(meter)),
        clients_(io_.route(server), random_, std::move(plan)),
        pump_(*io_.loop, clients_, [this](Now now) { clients_.on_deadlines(now); }),
        options_(report.settings),
        report_(report) {
    for (const SocketId socket : io_.sockets) clients_.add(socket);
    report_.io = io_.loop->name();
  }

  void repeat();
  void storm();
  void idle();
  void live_and_die();

  /// Nothing worked, so that there is nothing to report.
  Result<Done, std::string> verdict() const;

 private:
  Now now() const { return io_.loop->now(); }
  uint32_t wanted() const { return options_.allocations; }
  uint64_t over() const { return clients_.lives().succeeded + clients_.lives().count_failed(); }
  void begin_up_to(uint64_t lives, Now now);
  void release_all();
  void release_and_report();
  void report_requests(Duration measured);

  RequestLoop io_;
  UsageMeter meter_;
  CsprngRandom random_;
  LifeClients clients_;
  RequestPump pump_;
  const BenchOptions& options_;
  BenchReport& report_;
};

void LifeRun::begin_up_to(uint64_t lives, Now now) {
  while (clients_.lives().begun < lives && clients_.busy() < options_.request_window) {
    if (!clients_.begin_one(now.monotonic, now)) return;
  }
}

// Allocated and released again and again until the time is over.
void LifeRun::repeat() {
  Instant start = now().monotonic + options_.warmup;
  const Instant end = start + options_.duration;
  bool is_counting = false;
  pump_.run([&](Now now) {
    if (!is_counting && is_past(start, now)) {
      is_counting = true;
      start = now.monotonic;
      clients_.start_counting();
      meter_.begin();
    }
    begin_up_to(UINT64_MAX, now);
    return is_past(end, now) ? RequestPump::kDone : std::min(is_counting ? end : start, end);
  });
  report_.usage = meter_.end("request", clients_.releases().succeeded);
  report_requests(now().monotonic - start);
  report_.releases = report_of(clients_.releases(), now().monotonic - start);
  release_all();
}

// Each client's time follows from its number alone: a server that is slow at first is not given
// time by it (coordinated omission).
void LifeRun::storm() {
  const uint32_t count = wanted();
  const Instant start = now().monotonic;
  const auto begins_at = [&](uint64_t client) {
    return start + Duration{static_cast<int64_t>(static_cast<double>(options_.storm->count()) *
                                                 static_cast<double>(client) / count)};
  };
  meter_.begin();
  pump_.run([&](Now now) {
    const auto next = [&] { return begins_at(clients_.lives().begun); };
    while (clients_.lives().begun < count && is_past(next(), now)) clients_.begin_one(next(), now);
    if (clients_.lives().begun < count) return next();
    return clients_.busy() == 0 ? RequestPump::kDone : kNever;
  });
  const Duration took = now().monotonic - start;
  const auto full = meter_.rss_bytes();
  report_requests(took);
  release_and_report();
  report_.usage = meter_.end("request", clients_.lives().succeeded);
  if (!report_.usage || !full) return;
  report_.usage->rss_bytes_after = full;
  const double grown =
      static_cast<double>(*full) - static_cast<double>(report_.usage->rss_bytes_before.value_or(0));
  report_.usage->rss_bytes_per_allocation =
      grown / static_cast<double>(std::max<uint64_t>(clients_.lives().succeeded, 1));
}

// Memory per allocation is a slope: what the first third brought, tables and buffers included, is
// there before.
void LifeRun::idle() {
  const auto fill = [this](uint64_t lives) {
    pump_.run([&](Now now) {
      begin_up_to(lives, now);
      return over() >= lives ? RequestPump::kDone : kNever;
    });
  };
  const Instant start = now().monotonic;
  fill(wanted() / 3);
  const size_t few = clients_.allocated();
  meter_.begin();
  fill(wanted());
  const size_t many = clients_.allocated();
  report_.usage = meter_.end("allocation", many - few);
  report_requests(now().monotonic - start);
  if (report_.usage && many > few) {
    const UsageReport& usage = *report_.usage;
    report_.usage->rss_bytes_per_allocation = (static_cast<double>(*usage.rss_bytes_after) -
                                               static_cast<double>(*usage.rss_bytes_before)) /
                                              static_cast<double>(many - few);
  }
  release_and_report();
}

// What the first tenth has left behind is there to stay; the rest must leave no more.
void LifeRun::live_and_die() {
  const auto live = [this](uint64_t lives) {
    pump_.run([&](Now now) {
      begin_up_to(lives, now);
      const bool is_over = over() >= lives && clients_.busy() == 0;
      return is_over ? RequestPump::kDone : kNever;
    });
  };
  const Instant start = now().monotonic;
  const uint64_t tenth = wanted() / 10;
  live(tenth);
  meter_.begin();
  live(wanted());
  report_.usage = meter_.end("request", clients_.lives().succeeded - tenth);
  report_requests(now().monotonic - start);
  report_.releases = report_of(clients_.releases(), now().monotonic - start);
}

// Bounded: what a server does not delete by then expires by itself.
void LifeRun::release_all() {
  const Instant end = now().monotonic + kDrain + options_.storm.value_or(Duration{});
  pump_.run([&](Now now) {
    while (clients_.busy() < options_.request_window && clients_.release_one(now)) continue;
    const bool is_over = clients_.busy() == 0 && clients_.allocated() == 0;
    return is_over || is_past(end, now) ? RequestPump::kDone : end;
  });
}

void LifeRun::report_requests(Duration measured) {
  report_.seconds = std::chrono::duration<double>(measured).count();
  report_.requests = report_of(clients_.lives(), measured);
}

void LifeRun::release_and_report() {
  const Instant start = now().monotonic;
  release_all();
  report_.releases = report_of(clients_.releases(), now().monotonic - start);
}

Result<Done, std::string> LifeRun::verdict() const {
  if (report_.requests->succeeded > 0) return Done{};
  const std::string& why = clients_.first_failure();
  return Failure{why.empty() ? "the server gave no allocation in time" : why};
}

/// How many five-tuples the mode needs at once.
uint32_t sockets_for(const BenchOptions& options) {
  const auto addresses = static_cast<uint32_t>(options.client_addresses.size());
  if (options.mode == BenchMode::binding) return std::max(options.request_window, addresses);
  if (options.mode == BenchMode::lives) return std::min(options.allocations, kLifeSockets);
  return options.allocations;
}

/// Fewer clients than asked for, and said so, where descriptors do not last.
void scale_down(const RequestLoop& io, BenchReport& report) {
  const uint32_t wanted = sockets_for(report.settings);
  const auto had = static_cast<uint32_t>(io.sockets.size());
  if (had < wanted) {
    report.scaled.push_back("allocations " + std::to_string(wanted) + " -> " + std::to_string(had) +
                            ": descriptors");
    if (report.settings.mode != BenchMode::binding) report.settings.allocations = had;
  }
  if (report.settings.threads > 1) {
    report.scaled.push_back("threads " + std::to_string(report.settings.threads) +
                            " -> 1: requests are made by one");
    report.settings.threads = 1;
  }
}

Result<Done, std::string> run_bindings(RequestLoop io, UsageMeter meter, const BenchServer& server,
                                       BenchReport& report) {
  CsprngRandom random;
  BindingClients clients(io.route(server), random);
  for (const SocketId socket : io.sockets) clients.add(socket);
  RequestPump pump(*io.loop, clients, [&clients](Now now) { clients.on_deadlines(now); });
  const Now begun = io.loop->now();
  Instant start = begun.monotonic + report.settings.warmup;
  const Instant end = start + report.settings.duration;
  bool is_counting = false;
  clients.begin(begun);
  pump.run([&](Now now) {
    if (!is_counting && is_past(start, now)) {
      is_counting = true;
      start = now.monotonic;
      clients.start_counting();
      meter.begin();
    }
    return is_past(end, now) ? RequestPump::kDone : std::min(is_counting ? end : start, end);
  });
  const Duration measured = io.loop->now().monotonic - start;
  report.usage = meter.end("request", clients.bindings().succeeded);
  report.requests = report_of(clients.bindings(), measured);
  report.seconds = std::chrono::duration<double>(measured).count();
  report.io = io.loop->name();
  if (report.requests->succeeded > 0) return Done{};
  return Failure{std::string{"the server answered no Binding request"}};
}

/// Lives with a peer have a permission and a channel for it. Nobody need be there.
LifePlan plan_for(const BenchOptions& options, const IpAddress& our_address) {
  constexpr uint16_t kPeerPort = 40'000;
  LifePlan plan{.users = LifeUsers(options), .refreshes = options.refreshes};
  const bool has_peer = options.mode == BenchMode::idle || options.mode == BenchMode::lives;
  if (has_peer) {
    const IpAddress& peer =
        options.peer_addresses.empty() ? our_address : options.peer_addresses.front();
    plan.peer = PeerAddress{{peer, kPeerPort}};
  }
  plan.ends = !options.storm && options.mode != BenchMode::idle;
  return plan;
}

}  // namespace

Result<Done, std::string> run_requests(const BenchServer& server, BenchReport& report) {
  const BenchOptions& options = report.settings;
  pin_this_thread(options.cpus, 0);
  auto meter = UsageMeter::watching(options.server_pid);
  if (!meter) return Failure{meter.error()};
  auto io = RequestLoop::open(options, server, sockets_for(options));
  if (!io) return Failure{io.error()};
  scale_down(*io, report);
  if (options.mode == BenchMode::binding) {
    return run_bindings(*std::move(io), *std::move(meter), server, report);
  }
  LifePlan plan = plan_for(options, io->address);
  LifeRun run(*std::move(io), *std::move(meter), std::move(plan), server, report);
  if (options.mode == BenchMode::idle) {
    run.idle();
  } else if (options.mode == BenchMode::lives) {
    run.live_and_die();
  } else if (options.storm) {
    run.storm();
  } else {
    run.repeat();
  }
  return run.verdict();
}

}  // namespace uturn
