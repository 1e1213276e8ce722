// Giving each client an address, an instant to begin at, and the time it needs.
#include "tests/simulation/world/allocate_storm.h"

#include <set>

namespace uturn {
namespace {

// A challenged request is two transactions, each given up after 39.5 s (RFC 8489, Section 6.2.1).
constexpr Duration kUntilEveryTransactionHasEnded = std::chrono::seconds(2 * 40);
constexpr Duration kUntilEveryTimerHasRun = std::chrono::hours(2);
constexpr const char* kUsers[] = {"alice", "bob", "carol"};

}  // namespace

AllocateStorm::AllocateStorm(const StormSpec& spec, uint64_t seed)
    : spec_(spec),
      network_(seed),
      server_(network_, spec.server),
      laws_(SimulatedServer::listener(), SimulatedServer::relay_ips(spec.server.relay_addresses)),
      random_(network_.random().next_u64()) {
  network_.tap = [this](const VirtualDatagram& datagram) {
    laws_.observe(datagram, network_.now().monotonic);
  };
  network_.set_weather(spec.weather);
  for (uint32_t i = 0; i < spec.clients; ++i) {
    const std::string user = kUsers[i % std::size(kUsers)];
    TurnClient::Settings settings;
    settings.credentials = LongTermCredentials(user, SimulatedServer::password_of(user));
    settings.retransmission = spec.retransmission;
    clients_.emplace_back(
        network_, StormClient::Spec{address_of(i), SimulatedServer::listener(), settings}, random_);
  }
}

TransportAddress AllocateStorm::address_of(uint32_t client) const {
  constexpr uint16_t kFirstPort = 1'024;
  const bool is_behind_one = client < spec_.behind_one_address;
  const uint32_t other = client - spec_.behind_one_address;
  const uint32_t others = spec_.behind_one_address > 0 ? spec_.addresses - 1 : spec_.addresses;
  const uint32_t address = is_behind_one ? others : other % others;
  const uint32_t nth = is_behind_one ? client : other / others;
  CHECK(address < 256 && kFirstPort + nth < 65'536);
  const std::array<uint8_t, 4> ip{203, 0, 113, static_cast<uint8_t>(address)};
  return {IpAddress::v4(ip), static_cast<uint16_t>(kFirstPort + nth), 0};
}

void AllocateStorm::allocate() { each_in_time(&StormClient::allocate); }
void AllocateStorm::release() { each_in_time(&StormClient::release); }
void AllocateStorm::silence() { server_.run_for(kUntilEveryTimerHasRun); }

void AllocateStorm::each_in_time(void (StormClient::*begin)()) {
  const auto span = static_cast<uint64_t>(spec_.within.count());
  for (StormClient& client : clients_) {
    const Duration later{static_cast<int64_t>(network_.random().below(span))};
    network_.at(network_.now().monotonic + later, [&client, begin] { (client.*begin)(); });
  }
  server_.run_for(spec_.within + kUntilEveryTransactionHasEnded);
}

size_t AllocateStorm::allocated() const {
  std::set<TransportAddress> relayed;
  for (const StormClient& client : clients_) {
    if (client.relayed()) relayed.insert(*client.relayed());
  }
  return relayed.size();
}

size_t AllocateStorm::released() const {
  return static_cast<size_t>(std::ranges::count_if(clients_, &StormClient::has_released));
}

std::vector<std::string> AllocateStorm::failures() const {
  std::vector<std::string> failures;
  for (const StormClient& client : clients_) {
    if (client.failure()) failures.push_back(*client.failure());
  }
  return failures;
}

uint64_t AllocateStorm::dropped_for(DropReason why) const {
  uint64_t sum = 0;
  for (const auto& shard : server_.shards()) sum += shard->relay_counters().drops_of(why);
  return sum;
}

uint64_t AllocateStorm::kernel_drops() const {
  uint64_t sum = 0;
  for (const auto& shard : server_.shards()) sum += shard->loop_counters().kernel_drops;
  return sum;
}

}  // namespace uturn
