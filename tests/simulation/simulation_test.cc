// The laws hold in every storm, every polite client succeeds in the calm, and nothing survives the
// silence.
#include "tests/simulation/world/simulation.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "server/statistics.h"
#include "tests/source_dir.h"

namespace uturn {
namespace {

std::vector<uint64_t> seeds() {
  if (const char* chosen = std::getenv("UTURN_SEED")) return {std::strtoull(chosen, nullptr, 10)};
  std::vector<uint64_t> seeds;
  std::ifstream file(source_dir() + "/tests/simulation/seeds.txt");
  for (std::string line; std::getline(file, line);) {
    if (!line.empty() && line[0] != '#') seeds.push_back(std::stoull(line));
  }
  constexpr uint64_t kFresh = 8;
  for (uint64_t i = 0; i < kFresh; ++i) seeds.push_back(1'000 + i);
  return seeds;
}

std::string how_to_replay(uint64_t seed) {
  return "replay: UTURN_SEED=" + std::to_string(seed) +
         " build/debug/tests/simulation_tests --gtest_filter='*StormCalmSilence*'";
}

class Simulations : public testing::TestWithParam<uint64_t> {};

TEST_P(Simulations, StormCalmSilence) {
  SCOPED_TRACE(how_to_replay(GetParam()));
  Simulation simulation(GetParam());
  simulation.storm();
  simulation.calm();
  simulation.silence();
  for (const std::string& violation : simulation.violations()) ADD_FAILURE() << violation;
  EXPECT_GT(simulation.relayed(), 1'000u);
}

TEST(Simulation, TheSameSeedIsTheSameRun) {
  const auto run = [](uint64_t seed) {
    Simulation simulation(seed);
    simulation.storm();
    return std::pair{simulation.trace(), simulation.delivered()};
  };
  EXPECT_EQ(run(77), run(77));
  EXPECT_NE(run(77), run(78));
}

// A law that nothing puts to the test proves nothing.
TEST(Simulation, TheStormReachesEveryCorner) {
  Statistics sum;
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    Simulation simulation(seed);
    simulation.storm();
    simulation.silence();
    for (const auto& shard : simulation.server().shards()) {
      sum.add(shard->relay_counters(), shard->loop_counters(), shard->shortcut_counters(),
              shard->stream_counters());
    }
  }
  const RelayCounters& relay = sum.relay();
  for (const ErrorCode code : {ErrorCode::unauthenticated, ErrorCode::allocation_mismatch,
                               ErrorCode::stale_nonce, ErrorCode::insufficient_capacity}) {
    EXPECT_GT(relay.errors[static_cast<size_t>(code)], 0u) << reason_of(code);
  }
  EXPECT_GT(relay.resumed_answers, 0u);
  EXPECT_GT(relay.pending_joined, 0u);
  EXPECT_GT(relay.allocations_deleted, 0u);
  EXPECT_GT(relay.allocations_expired, 0u);
  EXPECT_GT(relay.reservations_redeemed, 0u);
  EXPECT_GT(relay.reservations_expired, 0u);
  EXPECT_GT(relay.ports_occupied, 0u);
  EXPECT_GT(relay.to_clients, 0u);
  EXPECT_GT(relay.shortcuts_here, 0u);
  EXPECT_GT(sum.shortcuts().received, 0u) << "nobody called across shards";
  EXPECT_GT(relay.allocations_disconnected, 0u);
  for (const CloseReason why :
       {CloseReason::ended, CloseReason::reset, CloseReason::not_turn, CloseReason::http,
        CloseReason::no_first_message, CloseReason::no_certificate, CloseReason::frame_too_long}) {
    EXPECT_GT(sum.streams().closed_for(why), 0u) << name_of(why);
  }
  for (const DropReason why :
       {DropReason::unknown_protocol, DropReason::wrong_length, DropReason::no_allocation,
        DropReason::no_channel, DropReason::wrong_class, DropReason::response,
        DropReason::wrong_fingerprint, DropReason::ttl_expired}) {
    EXPECT_GT(relay.drops_of(why), 0u) << name_of(why);
  }
}

INSTANTIATE_TEST_SUITE_P(Simulation, Simulations, testing::ValuesIn(seeds()));

}  // namespace
}  // namespace uturn
