// Wiring shards to simulated loops.
#include "tests/simulation/world/simulated_server.h"

#include <algorithm>

#include "auth/static_users.h"

namespace uturn {
namespace {

PeerPolicy::Settings policy_settings() {
  PeerPolicy::Settings settings;
  settings.allow = {*AddressRange::parse("198.51.100.0/24")};
  settings.own_services = {SimulatedServer::listener()};
  settings.local_addresses = {SimulatedServer::listener().ip, SimulatedServer::relay_ip()};
  return settings;
}

std::unique_ptr<Authenticator> authenticator(const std::shared_ptr<SlowDirectory>& directory) {
  const std::string realm{SimulatedServer::kRealm};
  auto users = std::make_shared<StaticUsers>(realm);
  for (const char* name : {"alice", "bob", "carol"}) {
    users->add_password(name, SimulatedServer::password_of(name));
  }
  Authenticator::Settings settings;
  settings.realm = realm;
  settings.nonce.keys = {NonceKey{1, {0x42}}};
  return std::make_unique<Authenticator>(std::move(settings), users, nullptr,
                                         std::vector<std::shared_ptr<UserDirectory>>{directory});
}

}  // namespace

SimulatedServer::SimulatedServer(VirtualNetwork& network, const ServerSpec& spec)
    : network_(network),
      spec_(spec),
      port_random_(network.random().next_u64()),
      policy_(policy_settings()),
      quota_({spec.limits.allocations, spec.limits.allocations_per_user, 0}),
      ports_({relay_ip()}, spec.ports, port_random_),
      channel_(spec.shards, [this](uint8_t shard) { loops_[shard]->wake(); }),
      shortcuts_(spec.shards) {
  for (uint8_t i = 0; i < spec.shards; ++i) {
    directories_.push_back(std::make_shared<SlowDirectory>(std::string{kRealm}));
    for (const char* name : {"dave", "erin"}) {
      directories_.back()->add_password(name, password_of(name));
    }
    LoopSettings loop_settings;
    loop_settings.batch = 16;
    auto loop = std::make_unique<SimulatedLoop>(network, loop_settings);
    loops_.push_back(loop.get());
    ShardSettings settings;
    settings.relay.limits = spec.limits;
    settings.relay.shard = i;
    settings.relay.shards = spec.shards;
    shards_.push_back(std::make_unique<Shard>(
        settings, SharedWorld{policy_, quota_, ports_, channel_, events_, shortcuts_},
        authenticator(directories_.back()),
        std::make_unique<SeededRandom>(network.random().next_u64()), std::move(loop)));
    UdpSocketSpec listener_spec;
    listener_spec.kind = SocketKind::listener;
    listener_spec.address = listener();
    listener_spec.reuse_port = true;
    CHECK(shards_.back()->listen(listener_spec).has_value());
    shards_.back()->start();
  }
}

SimulatedServer::~SimulatedServer() {
  for (auto& shard : shards_) shard->close();
}

void SimulatedServer::set_trouble(const SocketTrouble& trouble) {
  for (SimulatedLoop* loop : loops_) loop->set_trouble(trouble);
}

void SimulatedServer::answer_directories() {
  for (uint8_t i = 0; i < spec_.shards; ++i) {
    if (directories_[i]->waiting() == 0) continue;
    auto answer = directories_[i]->answer_next();
    CHECK(!channel_.send_from_outside(i, UserReply{answer.ticket, std::move(answer.answer)}));
  }
}

void SimulatedServer::run_ready() {
  for (bool any = true; any;) {
    any = false;
    for (uint8_t i = 0; i < spec_.shards; ++i) {
      const bool is_due = shards_[i]->relay().next_deadline() <= network_.now().monotonic;
      if (!loops_[i]->is_ready() && !is_due) continue;
      shards_[i]->pass(network_.now().monotonic);
      any = true;
    }
  }
}

Instant SimulatedServer::next_deadline() const {
  Instant next = kNever;
  for (const auto& shard : shards_) next = std::min(next, shard->relay().next_deadline());
  return next;
}

size_t SimulatedServer::open_relay_sockets() const {
  size_t open = 0;
  for (const SimulatedLoop* loop : loops_) open += loop->open_sockets() - 1;  // its listener
  return open;
}

}  // namespace uturn
