// Wiring shards to simulated loops.
#include "tests/simulation/world/simulated_server.h"

#include <algorithm>

#include "auth/static_users.h"
#include "server/capacity.h"

namespace uturn {
namespace {

PeerPolicy::Settings policy_settings(const ServerSpec& spec) {
  PeerPolicy::Settings settings;
  settings.allow = {*AddressRange::parse("198.51.100.0/24")};
  settings.own_services = {SimulatedServer::listener()};
  settings.local_addresses = SimulatedServer::relay_ips(spec.relay_addresses);
  settings.local_addresses.push_back(SimulatedServer::listener().ip);
  return settings;
}

QuotaLimits quota_limits(QuotaLimits quota, const Limits& limits) {
  quota.allocations = limits.allocations;
  quota.allocations_per_user = limits.allocations_per_user;
  return quota;
}

std::unique_ptr<Authenticator> authenticator(const std::shared_ptr<SlowDirectory>& directory,
                                             bool asks_for_passwords) {
  const std::string realm{SimulatedServer::kRealm};
  auto users = std::make_shared<StaticUsers>(realm);
  for (const char* name : {"alice", "bob", "carol"}) {
    users->add_password(name, SimulatedServer::password_of(name));
  }
  users->add_password("gil", SimulatedServer::password_of("gil"), "guest");
  Authenticator::Settings settings;
  settings.realm = realm;
  settings.required = asks_for_passwords;
  settings.nonce.keys = {NonceKey{1, {0x42}}};
  return std::make_unique<Authenticator>(std::move(settings), users, nullptr,
                                         std::vector<std::shared_ptr<UserDirectory>>{directory});
}

}  // namespace

SimulatedServer::SimulatedServer(VirtualNetwork& network, const ServerSpec& spec)
    : network_(network),
      spec_(spec),
      port_random_(network.random().next_u64()),
      policy_(std::make_shared<const PeerPolicy>(policy_settings(spec))),
      quota_(quota_limits(spec.quota, spec.limits)),
      ports_(relay_ips(spec.relay_addresses), spec.ports, port_random_),
      tcp_ports_(relay_ips(spec.relay_addresses), spec.ports, port_random_),
      connections_(spec.connections),
      channel_(spec.shards, [this](uint8_t shard) { loops_[shard]->wake(); }),
      shortcuts_(spec.shards),
      busy_until_(spec.shards) {
  for (uint8_t i = 0; i < spec.shards; ++i) {
    directories_.push_back(std::make_shared<SlowDirectory>(std::string{kRealm}));
    for (const char* name : {"dave", "erin"}) {
      directories_.back()->add_password(name, password_of(name));
    }
    auto loop = std::make_unique<SimulatedLoop>(network, spec.loop);
    loops_.push_back(loop.get());
    ShardSettings settings;
    settings.relay.limits = limits_of_worker(spec.limits, spec.shards);
    settings.relay.shard = i;
    settings.relay.shards = spec.shards;
    settings.streams = spec.streams;
    settings.dtls.answers = settings.relay.limits;
    settings_.push_back(settings);
    shards_.push_back(std::make_unique<Shard>(
        settings,
        SharedWorld{quota_, ports_, channel_, events_, shortcuts_, tcp_ports_, connections_},
        std::make_unique<Realms>(authenticator(directories_.back(), spec.asks_for_passwords),
                                 policy_),
        std::make_unique<SeededRandom>(network.random().next_u64()), std::move(loop)));
    UdpSocketSpec listener_spec;
    listener_spec.kind = SocketKind::listener;
    listener_spec.address = listener();
    listener_spec.reuse_port = true;
    listener_spec.receive_buffer = spec.listener_buffer;
    CHECK(shards_.back()->listen(listener_spec).has_value());
    StreamSpec stream_spec;
    stream_spec.address = listener();
    stream_spec.reuse_address = true;
    stream_spec.reuse_port = true;
    CHECK(shards_.back()->listen(stream_spec, TakesPlain::yes).has_value());
    shards_.back()->start();
  }
}

SimulatedServer::~SimulatedServer() {
  for (auto& shard : shards_) shard->close();
}

void SimulatedServer::set_trouble(const SocketTrouble& trouble) {
  for (SimulatedLoop* loop : loops_) loop->set_trouble(trouble);
}

void SimulatedServer::set_quota(const QuotaLimits& quota) {
  quota_.set_limits(quota_limits(quota, spec_.limits));
  for (size_t i = 0; i < shards_.size(); ++i) shards_[i]->reload(settings_[i]);
}

void SimulatedServer::answer_directories() {
  for (uint8_t i = 0; i < spec_.shards; ++i) {
    if (directories_[i]->waiting() == 0) continue;
    auto answer = directories_[i]->answer_next();
    CHECK(!channel_.send_from_outside(i, UserReply{answer.ticket, std::move(answer.answer)}));
  }
}

std::vector<IpAddress> SimulatedServer::relay_ips(uint8_t count) {
  std::vector<IpAddress> ips;
  for (uint8_t i = 0; i < count; ++i) {
    ips.push_back(IpAddress::v4(std::array<uint8_t, 4>{192, 0, 2, static_cast<uint8_t>(20 + i)}));
  }
  return ips;
}

void SimulatedServer::run_for(Duration duration) {
  const Instant end = network_.now().monotonic + duration;
  for (;;) {
    run_ready();
    const Instant wanted = std::min(end, next_pass());
    if (network_.step(wanted)) continue;
    if (wanted >= end) break;
    network_.run_until(wanted);
  }
  network_.run_until(end);
  run_ready();
}

void SimulatedServer::run_ready() {
  const Instant now = network_.now().monotonic;
  for (bool any = true; any;) {
    any = false;
    for (uint8_t i = 0; i < spec_.shards; ++i) {
      const bool has_work = loops_[i]->is_ready() || shards_[i]->next_deadline() <= now;
      if (!has_work || busy_until_[i] > now) continue;
      const uint64_t before = shards_[i]->loop_counters().datagrams_in;
      shards_[i]->pass(now);
      const auto handled = static_cast<int64_t>(shards_[i]->loop_counters().datagrams_in - before);
      busy_until_[i] = now + handled * spec_.work_per_datagram;
      any = true;
    }
  }
}

// Without work that takes time nobody is ready any more, and only deadlines are left.
Instant SimulatedServer::next_pass() const {
  Instant next = kNever;
  for (uint8_t i = 0; i < spec_.shards; ++i) {
    const Instant wanted = loops_[i]->is_ready() ? Instant{} : shards_[i]->next_deadline();
    next = std::min(next, std::max(wanted, busy_until_[i]));
  }
  return next;
}

size_t SimulatedServer::open_relay_sockets() const {
  size_t open = 0;
  for (const SimulatedLoop* loop : loops_) open += loop->open_sockets() - 1;  // its listener
  return open;
}

}  // namespace uturn
