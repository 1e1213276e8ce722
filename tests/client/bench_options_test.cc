// BenchOptions and workloads: every published workload can be run, contradictions are told.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/tools/bench/options.h"
#include "client/tools/bench/workloads.h"

namespace uturn {
namespace {

using ::testing::HasSubstr;

TEST(Workloads, AreFreeOfContradictions) {
  for (const Workload& workload : workloads()) {
    BenchOptions options{.uri = "turn:192.0.2.1"};
    workload.apply(options);
    EXPECT_EQ(problem_in(options), std::nullopt) << workload.name;
  }
}

TEST(Workloads, AreFoundByName) {
  BenchOptions options;
  ASSERT_NE(find_workload("W3"), nullptr);
  find_workload("W3")->apply(options);
  EXPECT_EQ(options.allocations, 10'000u);
  EXPECT_EQ(options.rate, 500'000);
  EXPECT_EQ(options.direction, RelayDirection::both);
  EXPECT_EQ(find_workload("W12"), nullptr);
}

TEST(BenchOptions, ContradictionsAreTold) {
  struct {
    void (*make)(BenchOptions& options);
    std::string_view problem;
  } const cases[] = {
      {[](BenchOptions& o) { o.username = "alice"; }, "belong together"},
      {[](BenchOptions& o) { o.auth_secret = "s"; }, "allocate and lives"},
      {[](BenchOptions& o) { o.mode = BenchMode::lives, o.users = 3; }, "need a name"},
      {[](BenchOptions& o) { o.username = o.password = "x", o.users = 3; }, "allocate and lives"},
      {[](BenchOptions& o) { o.username = o.password = o.auth_secret = "x"; }, "no user beside"},
      {[](BenchOptions& o) { o.refreshes = 3; }, "refreshes are for"},
      {[](BenchOptions& o) { o.allocations = 0; }, "1 allocation"},
      {[](BenchOptions& o) { o.threads = 0; }, "1 thread"},
      {[](BenchOptions& o) { o.threads = o.allocations + 1; }, "not more than allocations"},
      {[](BenchOptions& o) { o.duration = 0s; }, "longer than 0 s"},
      {[](BenchOptions& o) { o.payload = 23; }, "24 to"},
      {[](BenchOptions& o) { o.payload = 65'000; }, "24 to"},
      {[](BenchOptions& o) { o.rate = 0; }, "more than 0"},
      {[](BenchOptions& o) { o.burst = 0; }, "a burst"},
      {[](BenchOptions& o) { o.frames = VideoFrames{8, 0}; }, "frames"},
      {[](BenchOptions& o) { o.window = 0; }, "window"},
      {[](BenchOptions& o) { o.fanout = 257; }, "1 to 256 peers"},
      {[](BenchOptions& o) { o.fanout = 3, o.direction = RelayDirection::echo; }, "fan-out"},
      {[](BenchOptions& o) { o.fanout = 3, o.peers = 2; }, "as many peers"},
      {[](BenchOptions& o) { o.fanout = 200, o.burst = 1'000; }, "at once"},
  };
  for (const auto& wrong : cases) {
    BenchOptions options{.uri = "turn:192.0.2.1"};
    ASSERT_EQ(problem_in(options), std::nullopt);
    wrong.make(options);
    EXPECT_THAT(problem_in(options).value_or(""), HasSubstr(wrong.problem));
  }
}

TEST(BenchOptions, WhereNothingIsRelayedThePayloadDoesNotMatter) {
  BenchOptions options{.uri = "turn:192.0.2.1"};
  options.mode = BenchMode::allocate;
  options.payload = 0;
  EXPECT_EQ(problem_in(options), std::nullopt);
}

TEST(BenchWorkloads, WantNoMoreThanTheGeneratorCanSend) {
  BenchOptions farm{.uri = "turn:127.0.0.1", .workload = "W3"};
  find_workload("W3")->apply(farm);
  const auto said = fit_to_threads(farm);
  ASSERT_TRUE(said);
  EXPECT_EQ(*said, "allocations 10000 -> 1000: one thread of the generator sends 100000 packets/s");
  EXPECT_EQ(farm.allocations, 1'000u);
  EXPECT_DOUBLE_EQ(*farm.rate, 50'000) << "fifty for each, as before";
  EXPECT_FALSE(fit_to_threads(farm));

  BenchOptions video{.uri = "turn:127.0.0.1", .workload = "W4"};
  find_workload("W4")->apply(video);
  video.threads = 2;
  EXPECT_TRUE(fit_to_threads(video));
  EXPECT_EQ(video.allocations, 344u) << "(8 x 30 + 50) each way";

  BenchOptions channels{.uri = "turn:127.0.0.1", .workload = "W2"};
  find_workload("W2")->apply(channels);
  EXPECT_FALSE(fit_to_threads(channels));
}

TEST(BenchWorkloads, WhatAFlagAsksForStays) {
  BenchOptions asked{.uri = "turn:127.0.0.1", .allocations = 10'000};
  asked.rate = 1e6;
  EXPECT_FALSE(fit_to_threads(asked));
  EXPECT_EQ(asked.allocations, 10'000u);
}

}  // namespace
}  // namespace uturn
