// packet_path: relays packets on a real loop, to be counted by callgrind: only passes are
// collected.
//
//   packet_path turn|forwarder uring|epoll [batch]
//
// One thread alone sends a batch, lets the passes relay it, and begins again, so that the
// instructions are the same in every run. Prints one line per workload, "name packets"; callgrind
// dumps one profile per workload, in the same order. bench/instructions.py reads both.
#include <sys/socket.h>
#include <valgrind/callgrind.h>

#include <iostream>

#include "bench/forwarder.h"
#include "bench/packet_path_ends.h"
#include "io/epoll_loop.h"
#include "io/uring_loop.h"
#include "server/capacity.h"
#include "server/shard.h"
#include "server/shared_ports.h"

namespace uturn {
namespace {

constexpr uint32_t kFlows = 1'000;
constexpr uint32_t kDescriptors = 2 * kFlows + 100;
constexpr uint32_t kRounds = 20;
constexpr size_t kPayload = 100;
const IpAddress kLoopback = IpAddress::v4(std::array<uint8_t, 4>{127, 0, 0, 1});
// Another address than the relay's: what goes to an own address is asked more, for each packet.
const IpAddress kPeers = IpAddress::v4(std::array<uint8_t, 4>{127, 0, 0, 2});

UdpSocketSpec listener_spec() {
  return {.kind = SocketKind::listener,
          .address = {kLoopback, 0, 0},
          .receive_buffer = 4 << 20,
          .send_buffer = 4 << 20};
}

std::unique_ptr<Loop> make_loop(std::string_view name) {
  LoopSettings settings;
  auto loop = name == "epoll" ? try_epoll_loop(settings) : try_uring_loop(settings);
  if (loop) return std::move(*loop);
  std::cerr << "packet_path: " << loop.error() << "\n";
  std::exit(1);
}

/// What is measured: passes, and how many datagrams they sent.
class Subject {
 public:
  virtual ~Subject() = default;
  virtual void pass() = 0;
  virtual const LoopCounters& counters() const = 0;
};

/// A shard as `uturn serve` makes it, alone and without passwords: packets prove nothing anyway.
class Turn final : public Subject {
 public:
  explicit Turn(std::unique_ptr<Loop> loop)
      : shard_(
            ShardSettings{},
            SharedWorld{quota_, ports_, channel_, events_, shortcuts_, tcp_ports_, connections_},
            std::make_unique<Realms>(
                std::make_shared<Authenticator>(
                    Authenticator::Settings{
                        .realm = "example.org", .required = false, .nonce = {.keys = {NonceKey{}}}},
                    nullptr, nullptr, std::vector<std::shared_ptr<UserDirectory>>{}),
                std::make_shared<const PeerPolicy>(allow_loopback())),
            std::make_unique<CsprngRandom>(), std::move(loop)) {
    auto listeners = open_listener_group(listener_spec(), 1, true);
    CHECK(listeners);
    address = listeners->address;
    UdpSocketSpec spec = listener_spec();
    spec.address = address;
    CHECK(shard_.listen(listeners->sockets.front(), spec, server_address(address)));
    shard_.start();
  }
  ~Turn() override { shard_.close(); }
  void pass() override { shard_.pass(Instant::min()); }
  const LoopCounters& counters() const override { return shard_.loop_counters(); }

  TransportAddress address;

 private:
  static PeerPolicy::Settings allow_loopback() {
    PeerPolicy::Settings settings;
    settings.allow = {*AddressRange::parse("127.0.0.0/8")};
    return settings;
  }
  QuotaLedger quota_{QuotaLimits{}};
  SharedPorts ports_{{kLoopback}, PortRange{}};
  SharedPorts tcp_ports_{{kLoopback}, PortRange{}};
  ConnectionLimits connections_{{}};
  ShardChannel channel_{1, [this](uint8_t) { shard_.wake(); }};
  ShardEvents events_;
  ShortcutRings shortcuts_{1};
  Shard shard_;
};

class Bare final : public Subject {
 public:
  explicit Bare(std::unique_ptr<Loop> loop)
      : loop_(std::move(loop)), forwarder_(*loop_, {.address = {kLoopback, 0, 0}}, kFlows, 1) {
    auto listeners = open_listener_group(listener_spec(), 1, true);
    CHECK(listeners);
    address = listeners->address;
    UdpSocketSpec spec = listener_spec();
    spec.address = address;
    CHECK(loop_->adopt(listeners->sockets.front(), spec, kForwarderListener, true));
    loop_->start();
  }
  void pass() override { loop_->run_pass(forwarder_, Instant::min()); }
  const LoopCounters& counters() const override { return loop_->counters(); }

  TransportAddress address;

 private:
  std::unique_ptr<Loop> loop_;
  Forwarder forwarder_;
};

/// Passes until everything sent to the subject has arrived, and left it again at the end of its
/// pass. What leaves is a metric that a build without them does not count.
void relay(Subject& subject, uint64_t datagrams) {
  const uint64_t wanted = subject.counters().datagrams_in + datagrams;
  for (int passes = 0; subject.counters().datagrams_in < wanted; ++passes) {
    CHECK(passes < 1'000);
    CALLGRIND_TOGGLE_COLLECT;
    subject.pass();
    CALLGRIND_TOGGLE_COLLECT;
  }
}

/// `send(i)` makes flow i's datagram arrive; the first round warms tables and caches up uncounted.
template <class Send>
void measure(Subject& subject, const char* name, uint32_t batch, Send send) {
  uint32_t flow = 0;
  for (uint32_t round = 0; round <= kRounds; ++round) {
    for (uint32_t i = 0; i < batch; ++i) send(flow++ % kFlows);
    relay(subject, batch);
    if (round == 0) CALLGRIND_ZERO_STATS;
  }
  CALLGRIND_DUMP_STATS_AT(name);
  std::cout << name << " " << uint64_t{kRounds} * batch << std::endl;
}

void measure_turn(std::unique_ptr<Loop> loop, uint32_t batch) {
  Turn turn(std::move(loop));
  const UdpEnd bound_peer(kPeers);
  const UdpEnd other_peer(kPeers);
  std::vector<TurnEnd> clients;
  for (uint32_t i = 0; i < kFlows; ++i) {
    clients.emplace_back(kLoopback, turn.address);
    clients.back().allocate([&] { turn.pass(); });
    clients.back().bind_channel(bound_peer.address(), [&] { turn.pass(); });
  }
  const std::vector<uint8_t> payload(kPayload, 'x');
  const auto channel_data = TurnEnd::channel_data(payload);
  const auto indication = TurnEnd::send_indication(other_peer.address(), payload);

  measure(turn, "channel-to-peer", batch,
          [&](uint32_t i) { clients[i].end().send(turn.address, channel_data); });
  measure(turn, "channel-to-client", batch,
          [&](uint32_t i) { bound_peer.send(clients[i].relayed(), payload); });
  measure(turn, "indication-to-peer", batch,
          [&](uint32_t i) { clients[i].end().send(turn.address, indication); });
  measure(turn, "indication-to-client", batch,
          [&](uint32_t i) { other_peer.send(clients[i].relayed(), payload); });
}

void measure_forwarder(std::unique_ptr<Loop> loop, uint32_t batch) {
  Bare bare(std::move(loop));
  const UdpEnd peer(kPeers);
  std::vector<ForwardEnd> clients;
  for (uint32_t i = 0; i < kFlows; ++i) {
    clients.emplace_back(kLoopback, bare.address);
    clients.back().set_up(peer.address(), [&] { bare.pass(); });
  }
  const std::vector<uint8_t> payload(kPayload, 'x');
  measure(bare, "forward-to-peer", batch,
          [&](uint32_t i) { clients[i].end().send(bare.address, payload); });
  measure(bare, "forward-to-client", batch,
          [&](uint32_t i) { peer.send(clients[i].relayed(), payload); });
}

int run(const std::vector<std::string>& arguments) {
  if (arguments.size() < 2) {
    std::cerr << "usage: packet_path turn|forwarder uring|epoll [batch]\n";
    return 2;
  }
  const uint32_t batch =
      arguments.size() > 2 ? static_cast<uint32_t>(std::stoul(arguments[2])) : 256;
  if (raise_descriptor_limit(kDescriptors) < kDescriptors) {
    std::cerr << "packet_path: " << kDescriptors << " descriptors are needed (ulimit -n)\n";
    return 1;
  }
  auto loop = make_loop(arguments[1]);
  if (arguments[0] == "turn") {
    measure_turn(std::move(loop), batch);
  } else {
    measure_forwarder(std::move(loop), batch);
  }
  return 0;
}

}  // namespace
}  // namespace uturn

int main(int argc, char** argv) { return uturn::run({argv + (argc > 0 ? 1 : 0), argv + argc}); }
