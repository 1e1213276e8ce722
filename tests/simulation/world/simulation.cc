// The three acts.
#include "tests/simulation/world/simulation.h"

#include "tests/simulation/world/accounts.h"

namespace uturn {
namespace {

ServerSpec spec_of(uint64_t seed) {
  ServerSpec spec;
  spec.shards = static_cast<uint8_t>(1 + seed % 4);
  spec.limits.permissions_per_allocation = 4;
  spec.limits.channels_per_allocation = 4;
  spec.limits.reservations = 4;
  spec.limits.pending_requests = 8;
  return spec;
}

/// A ping may have been on its way when counting began.
bool heard_all(uint32_t pings, uint32_t echoes) { return echoes == pings || echoes == pings + 1; }

constexpr Duration kStorm = std::chrono::minutes(20);
constexpr Duration kCalm = std::chrono::minutes(15);
constexpr Duration kSilenceLasts = std::chrono::hours(2);

}  // namespace

Simulation::Simulation(uint64_t seed)
    : seed_(seed),
      network_(seed),
      server_(network_, spec_of(seed)),
      laws_(SimulatedServer::listener(), {SimulatedServer::relay_ip()}),
      villain_(network_, SimulatedServer::listener(), seed ^ 0x766C6E),
      stream_villain_(network_, SimulatedServer::listener(), seed ^ 0x747670) {
  network_.tap = [this](const VirtualDatagram& datagram) {
    laws_.observe(datagram, network_.now().monotonic);
    if (datagram.to != SimulatedServer::listener()) return;
    villain_.overhear(datagram);
    stream_villain_.overhear(datagram.bytes);
  };
  for (uint8_t i = 1; i <= 3; ++i) {
    const std::array<uint8_t, 4> ip{198, 51, 100, i};
    peers_.push_back(std::make_unique<EchoPeer>(
        network_, TransportAddress{IpAddress::v4(ip), static_cast<uint16_t>(5'000 + i), 0}));
  }
  constexpr const char* kUsers[] = {"alice", "bob", "carol", "dave", "erin"};
  for (uint8_t i = 0; i < 12; ++i) {
    const std::array<uint8_t, 4> inside{10, 0, 0, static_cast<uint8_t>(10 + i)};
    const std::array<uint8_t, 4> outside{100, 64, 0, static_cast<uint8_t>(10 + i)};
    network_.add_nat(IpAddress::v4(inside), IpAddress::v4(outside));
    PoliteClient::Habits habits{
        .user = kUsers[i % std::size(kUsers)],
        .ip = IpAddress::v4(inside),
        .peer = peer_address(peers_[i % peers_.size()]->address()),
        .binds_channel = i % 2 == 0,
        .reserves = i % 3 == 0,
        .is_forgetful = i % 6 == 1,
    };
    clients_.push_back(std::make_unique<PoliteClient>(network_, SimulatedServer::listener(),
                                                      std::move(habits), seed * 100 + i));
  }
  // Three who call three others: both relay, and are of any two shards.
  for (uint8_t i = 0; i < 6; ++i) {
    const std::array<uint8_t, 4> ip{10, 1, 0, static_cast<uint8_t>(10 + i)};
    PoliteClient::Habits habits{
        .user = kUsers[i % std::size(kUsers)],
        .ip = IpAddress::v4(ip),
        .peer = peer_address(peers_[0]->address()),
        .binds_channel = false,
        .calls = i % 2 == 0 ? nullptr : clients_.back().get(),
        .answers_calls = i % 2 == 0,
    };
    clients_.push_back(std::make_unique<PoliteClient>(network_, SimulatedServer::listener(),
                                                      std::move(habits), seed * 100 + 50 + i));
  }
  for (uint8_t i = 0; i < 6; ++i) {
    const std::array<uint8_t, 4> ip{10, 2, 0, static_cast<uint8_t>(10 + i)};
    stream_clients_.push_back(std::make_unique<PoliteStreamClient>(
        network_, SimulatedServer::listener(),
        PoliteStreamClient::Habits{.user = kUsers[i % std::size(kUsers)],
                                   .ip = IpAddress::v4(ip),
                                   .peer = peer_address(peers_[i % peers_.size()]->address())},
        seed * 100 + 80 + i));
  }
  every(std::chrono::milliseconds(300), [this] { server_.answer_directories(); }, answers_);
}

void Simulation::storm() {
  storms_ = true;
  network_.set_weather({.lost = 150,
                        .duplicated = 50,
                        .shortest_delay = std::chrono::milliseconds(1),
                        .longest_delay = std::chrono::milliseconds(400)});
  server_.set_trouble({.occupied = 200, .no_descriptors = 100});
  for (auto& client : clients_) client->start();
  for (auto& client : stream_clients_) client->start();
  every(std::chrono::milliseconds(700), [this] { villain_.strike(); }, storms_);
  every(std::chrono::milliseconds(1'900), [this] { stream_villain_.strike(); }, storms_);
  every(
      std::chrono::seconds(35),
      [this] {
        PoliteStreamClient& client =
            *stream_clients_[network_.random().below(stream_clients_.size())];
        network_.random().chance(500) ? client.leave() : client.vanish();
        network_.at(network_.now().monotonic + 10s, [&client] { client.start(); });
      },
      storms_);
  every(
      std::chrono::seconds(40),
      [this] {
        const std::array<uint8_t, 4> inside{10, 0, 0,
                                            static_cast<uint8_t>(10 + network_.random().below(12))};
        network_.forget_nat(IpAddress::v4(inside));
      },
      storms_);
  every(
      std::chrono::seconds(25),
      [this] {
        PoliteClient& client = *clients_[network_.random().below(clients_.size())];
        if (network_.random().chance(500)) {
          client.vanish();
        } else {
          client.release();
        }
        network_.at(network_.now().monotonic + 10s, [&client] {
          client.vanish();
          client.start();
        });
      },
      storms_);
  run_for(kStorm);
  storms_ = false;
  stream_villain_.give_up();
  check_fates();
}

// A client that the storm left without an allocation gets one now; then every ping comes back.
void Simulation::calm() {
  network_.set_weather({});
  server_.set_trouble({});
  run_for(kCalm);
  for (auto& client : clients_) client->forget_counts();
  for (auto& client : stream_clients_) client->forget_counts();
  run_for(std::chrono::minutes(2));
  for (auto& client : clients_) client->stop_pinging();
  for (auto& client : stream_clients_) client->stop_pinging();
  run_for(std::chrono::seconds(5));
  for (size_t i = 0; i < clients_.size(); ++i) {
    const PoliteClient& client = *clients_[i];
    const std::string who = "client " + std::to_string(i);
    require(client.is_allocated(), who + " has no allocation in the calm");
    require(client.pings() > 0, who + " could not send in the calm");
    if (client.is_forgetful()) continue;
    require(heard_all(client.pings(), client.echoes()),
            who + " heard " + std::to_string(client.echoes()) + " of " +
                std::to_string(client.pings()) + " echoes in the calm");
  }
  for (size_t i = 0; i < stream_clients_.size(); ++i) {
    const PoliteStreamClient& client = *stream_clients_[i];
    const std::string who = "stream client " + std::to_string(i);
    require(client.is_allocated(), who + " has no allocation in the calm");
    require(client.pings() > 0, who + " could not send in the calm");
    require(heard_all(client.pings(), client.echoes()),
            who + " heard " + std::to_string(client.echoes()) + " of " +
                std::to_string(client.pings()) + " echoes in the calm");
  }
  check_fates();
}

void Simulation::silence() {
  for (size_t i = 0; i < clients_.size(); ++i) {
    if (i % 2 == 0) {
      clients_[i]->release();
    } else {
      clients_[i]->vanish();
    }
  }
  for (size_t i = 0; i < stream_clients_.size(); ++i) {
    i % 2 == 0 ? stream_clients_[i]->leave() : stream_clients_[i]->vanish();
  }
  run_for(std::chrono::seconds(60));
  for (auto& client : clients_) client->vanish();
  answers_ = false;
  run_for(kSilenceLasts);
  check_fates();
  require_none(remains(server_));
  require(network_.is_silent(), "somebody still speaks");
}

void Simulation::every(Duration pause, std::function<void()> what, const bool& while_true) {
  network_.at(network_.now().monotonic + pause, [this, pause, what = std::move(what), &while_true] {
    if (!while_true) return;
    what();
    every(pause, what, while_true);
  });
}

void Simulation::check_fates() {
  require_none(wrong_fates(server_));
  require_none(laws_.violations());
}

void Simulation::require_none(const std::vector<std::string>& findings) {
  for (const std::string& finding : findings) require(false, finding);
}

void Simulation::require(bool holds, std::string what) {
  constexpr size_t kEnough = 20;
  if (!holds && violations_.size() < kEnough) violations_.push_back(std::move(what));
}

}  // namespace uturn
