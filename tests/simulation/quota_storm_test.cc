// One user's allocations on several shards at the same time: never more than the limit, nobody is
// refused without need, and nothing is left.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

#include "tests/simulation/world/accounts.h"
#include "tests/simulation/world/laws.h"
#include "tests/simulation/world/storm_client.h"

namespace uturn {
namespace {

using testing::IsEmpty;
using namespace std::chrono_literals;

constexpr uint32_t kLimit = 5;
constexpr uint64_t kSeeds = 20;

/// A server of four busy shards, and clients each of whom comes from an address of its own, which
/// says to which of them it comes.
class Crowd {
 public:
  explicit Crowd(uint64_t seed) : network(seed), server(network, spec()) {
    network.set_weather({.shortest_delay = 1ms, .longest_delay = 10ms});
    network.tap = [this](const VirtualDatagram& datagram) {
      laws.observe(datagram, network.now().monotonic);
      most = std::max(most, allocations());
    };
  }

  /// So many more, at an instant of its own each: within so short a time that their requests, and
  /// what the shards tell each other, overtake one another. The first of them is returned.
  size_t come(size_t count, const std::string& user = "alice") {
    const size_t first = clients.size();
    for (size_t i = 0; i < count; ++i) {
      TurnClient::Settings settings;
      settings.credentials = LongTermCredentials(user, SimulatedServer::password_of(user));
      const auto nth = static_cast<uint8_t>(clients.size() + 1);
      const TransportAddress address{IpAddress::v4(std::array<uint8_t, 4>{203, 0, 113, nth}), 4'000,
                                     0};
      StormClient& client = clients.emplace_back(
          network, StormClient::Spec{address, SimulatedServer::listener(), settings}, random);
      network.at(network.now().monotonic + later(), [&client] { client.allocate(); });
    }
    server.run_for(3s);
    return first;
  }
  void leave() {
    for (StormClient& client : clients) {
      if (client.relayed())
        network.at(network.now().monotonic + later(), [&] { client.release(); });
    }
    server.run_for(2h);
  }

  size_t allocated(size_t first, size_t count) const {
    size_t sum = 0;
    for (size_t i = first; i < first + count; ++i) sum += clients[i].relayed().has_value();
    return sum;
  }
  uint32_t allocations() const {
    size_t sum = 0;
    for (const auto& shard : server.shards()) sum += shard->relay().allocations();
    return static_cast<uint32_t>(sum);
  }
  uint64_t counted(uint64_t RelayCounters::* counter) const {
    uint64_t sum = 0;
    for (const auto& shard : server.shards()) sum += shard->relay_counters().*counter;
    return sum;
  }
  uint64_t refused() const {
    uint64_t sum = 0;
    for (const auto& shard : server.shards()) sum += shard->relay_counters().errors[486];
    return sum;
  }
  size_t shards_that_allocated() const {
    size_t sum = 0;
    for (const auto& shard : server.shards()) sum += shard->relay_counters().allocations_made > 0;
    return sum;
  }

  VirtualNetwork network;
  SimulatedServer server;
  Laws laws{SimulatedServer::listener(), SimulatedServer::relay_ips(1)};
  SeededRandom random{network.random().next_u64()};
  std::deque<StormClient> clients;
  uint32_t most = 0;

 private:
  static ServerSpec spec() {
    ServerSpec spec;
    spec.shards = 4;
    spec.limits.allocations_per_user = kLimit;
    spec.work_per_datagram = 2ms;
    return spec;
  }
  Duration later() { return std::chrono::microseconds(network.random().below(20'000)); }
};

void expect_nothing_remains(Crowd& crowd) {
  crowd.leave();
  EXPECT_EQ(crowd.server.quota().users(), 0U);
  EXPECT_THAT(remains(crowd.server), IsEmpty());
  EXPECT_THAT(wrong_fates(crowd.server), IsEmpty());
  EXPECT_THAT(crowd.laws.violations(), IsEmpty());
}

TEST(QuotaStorm, AllShardsTogetherNeverExceedAUsersLimit) {
  size_t shards = 0;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Crowd crowd(seed);
    crowd.come(40);
    EXPECT_EQ(crowd.allocated(0, 40), kLimit);
    EXPECT_EQ(crowd.most, kLimit);
    EXPECT_EQ(crowd.refused(), 40 - kLimit);
    EXPECT_EQ(crowd.server.quota().held_by("alice", SimulatedServer::kRealm), kLimit);
    shards = std::max(shards, crowd.shards_that_allocated());
    expect_nothing_remains(crowd);
  }
  EXPECT_GT(shards, 2U) << "there was no race";
}

TEST(QuotaStorm, EachSilentAllocationGivesWayToOneNewcomer) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Crowd crowd(seed);
    ASSERT_EQ(crowd.allocated(crowd.come(kLimit), kLimit), kLimit);
    crowd.server.run_for(kSilence);
    EXPECT_EQ(crowd.allocated(crowd.come(kLimit), kLimit), kLimit);
    EXPECT_EQ(crowd.counted(&RelayCounters::allocations_gave_way), kLimit);
    EXPECT_EQ(crowd.refused(), 0U);
    EXPECT_EQ(crowd.most, kLimit);
    EXPECT_EQ(crowd.server.quota().held_by("alice", SimulatedServer::kRealm), kLimit);
    expect_nothing_remains(crowd);
  }
}

TEST(QuotaStorm, WhatIsHeardOrSomebodyElsesStays) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Crowd crowd(seed);
    crowd.come(2, "bob");
    crowd.come(3);
    crowd.server.run_for(kSilence - 10s);
    crowd.come(2);
    crowd.server.run_for(10s);
    EXPECT_EQ(crowd.allocated(crowd.come(5), 5), 3U);
    EXPECT_EQ(crowd.counted(&RelayCounters::allocations_gave_way), 3U);
    EXPECT_EQ(crowd.refused(), 2U);
    EXPECT_EQ(crowd.server.quota().held_by("alice", SimulatedServer::kRealm), kLimit);
    EXPECT_EQ(crowd.server.quota().held_by("bob", SimulatedServer::kRealm), 2U);
    expect_nothing_remains(crowd);
  }
}

}  // namespace
}  // namespace uturn
