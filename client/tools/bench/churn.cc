// Churn: clients that come and go at a constant rate, and the server's memory over time.
#include <algorithm>
#include <utility>

#include "client/tools/bench/cpu_affinity.h"
#include "client/tools/bench/least_squares.h"
#include "client/tools/bench/life_clients.h"
#include "client/tools/bench/request_loop.h"
#include "client/tools/bench/request_modes.h"
#include "client/tools/bench/request_pump.h"
#include "client/tools/bench/usage_meter.h"

namespace uturn {
namespace {

constexpr uint32_t kMostSockets = 2'000;
constexpr uint32_t kTurnoverSeconds = 10;  // in which as many clients come as there are sockets
constexpr int64_t kSamples = 600;          // of memory, over the whole time
constexpr Duration kShortestInterval = 200ms;
constexpr uint64_t kMostPerPass = 64;
constexpr Duration kDrain = 5s;
constexpr uint16_t kPeerPort = 40'000;

/// Looks at the memory at even intervals.
class MemoryWatch {
 public:
  MemoryWatch(UsageMeter meter, const BenchOptions& options, Instant start)
      : meter_(std::move(meter)),
        interval_(std::max(options.duration / kSamples, kShortestInterval)),
        start_(start),
        next_(start + options.warmup) {}

  Instant next_at() const { return meter_.is_watching() ? next_ : kNever; }

  void look_when_due(Instant now) {
    if (now < next_at()) return;
    next_ = now + interval_;
    const auto rss = meter_.rss_bytes();
    if (rss) samples_.push_back({std::chrono::duration<double>(now - start_).count(), *rss});
  }

  const std::vector<MemorySample>& samples() const { return samples_; }

 private:
  UsageMeter meter_;
  Duration interval_;
  Instant start_;
  Instant next_;
  std::vector<MemorySample> samples_;
};

/// Half of the sockets have an allocation once that many have come; then the oldest goes for each
/// that comes.
class Comings {
 public:
  Comings(LifeClients& clients, size_t sockets, Instant start)
      : clients_(clients),
        held_(sockets / 2),
        interval_(Duration{std::chrono::seconds{kTurnoverSeconds}} /
                  static_cast<int64_t>(std::max<size_t>(sockets, 1))),
        next_(start) {}

  Instant next_at() const { return next_; }

  void begin_due(Now now) {
    for (uint64_t i = 0; i < kMostPerPass && is_past(next_, now); ++i) {
      clients_.begin_one(next_, now);
      next_ += interval_;
    }
    for (uint64_t i = 0; i < kMostPerPass && clients_.allocated() > held_; ++i) {
      clients_.release_one(now);
    }
  }

 private:
  LifeClients& clients_;
  size_t held_;
  Duration interval_;
  Instant next_;
};

void release_all(LifeClients& clients, RequestPump& pump, uint32_t window, Instant end) {
  pump.run([&](Now now) {
    while (clients.busy() < window && clients.release_one(now)) continue;
    const bool is_over = clients.busy() == 0 && clients.allocated() == 0;
    return is_over || is_past(end, now) ? RequestPump::kDone : end;
  });
}

}  // namespace

Result<Done, std::string> run_churn(const BenchServer& server, const std::atomic<bool>& stop,
                                    BenchReport& report) {
  const BenchOptions& options = report.settings;
  pin_this_thread(options.cpus, options.threads);
  auto meter = UsageMeter::watching(options.server_pid);
  if (!meter) return Failure{meter.error()};
  auto io = RequestLoop::open(options, server, std::min(options.allocations, kMostSockets));
  if (!io) return Failure{io.error()};

  CsprngRandom random;
  const IpAddress peer =
      options.peer_addresses.empty() ? io->address : options.peer_addresses.front();
  LifeClients clients(
      io->route(server), random,
      {.users = LifeUsers(options), .peer = PeerAddress{{peer, kPeerPort}}, .ends = false});
  for (const SocketId socket : io->sockets) clients.add(socket);
  RequestPump pump(*io->loop, clients, [&clients](Now now) { clients.on_deadlines(now); });

  const Instant start = io->loop->now().monotonic;
  MemoryWatch memory(*std::move(meter), options, start);
  Comings comings(clients, io->sockets.size(), start);
  pump.run([&](Now now) {
    comings.begin_due(now);
    memory.look_when_due(now.monotonic);
    if (stop.load(std::memory_order_relaxed)) return RequestPump::kDone;
    return std::min(comings.next_at(), memory.next_at());
  });
  const Now end = io->loop->now();
  release_all(clients, pump, options.request_window, end.monotonic + kDrain);

  report.requests = report_of(clients.lives(), end.monotonic - start);
  report.releases = report_of(clients.releases(), end.monotonic - start);
  if (!memory.samples().empty()) {
    UsageReport& usage = report.usage ? *report.usage : report.usage.emplace();
    usage.memory = memory.samples();
    usage.rss_bytes_per_hour = slope_per_hour(usage.memory);
  }
  return Done{};
}

}  // namespace uturn
