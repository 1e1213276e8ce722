// The arguments of bench: every flag arrives, a workload goes first, mistakes are usage errors.
#include "server/bench_arguments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/server/command_line_running.h"

namespace uturn {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

BenchOptions bench(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"bench", "turn:192.0.2.1"});
  const CommandRun result = run(arguments);
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_TRUE(called.benched);
  return called.benched.value_or(BenchOptions{});
}

TEST(BenchArguments, WithoutFlagsItSaturates) {
  const BenchOptions options = bench({});
  EXPECT_EQ(options.uri, "turn:192.0.2.1");
  EXPECT_EQ(options.mode, BenchMode::relay);
  EXPECT_FALSE(options.is_open_loop());
  EXPECT_EQ(options.window, 512u);
}

TEST(BenchArguments, TrafficIsRead) {
  const BenchOptions options =
      bench({"--direction", "both", "--via", "indication", "--allocations", "7", "--payload", "160",
             "--fanout", "3", "--peers", "9", "--mode", "churn"});
  EXPECT_EQ(options.direction, RelayDirection::both);
  EXPECT_EQ(options.via, RelayVia::indication);
  EXPECT_EQ(options.allocations, 7u);
  EXPECT_EQ(options.payload, 160u);
  EXPECT_EQ(options.fanout, 3u);
  EXPECT_EQ(options.peers, 9u);
  EXPECT_EQ(options.mode, BenchMode::churn);
}

TEST(BenchArguments, TheTransportIsRead) {
  EXPECT_FALSE(bench({}).transport) << "the URI says it";
  EXPECT_EQ(bench({"--transport", "tcp"}).transport, Transport::tcp);
  EXPECT_EQ(bench({"--transport", "dtls"}).transport, Transport::dtls);
  const BenchOptions options = bench({"--workload", "W7-tls", "--insecure", "--ca", "ca.pem"});
  EXPECT_EQ(options.transport, Transport::tls);
  EXPECT_EQ(options.payload, 1200u);
  EXPECT_TRUE(options.security.insecure);
  EXPECT_EQ(options.security.authorities_file, "ca.pem");
}

TEST(BenchArguments, PaceIsRead) {
  const BenchOptions options = bench({"--rate", "20000", "--burst", "4", "--frames", "8@30",
                                      "--audio", "50", "--warmup", "200ms", "--seconds", "3"});
  EXPECT_EQ(options.rate, 20'000);
  EXPECT_EQ(options.burst, 4u);
  ASSERT_TRUE(options.frames);
  EXPECT_EQ(options.frames->packets, 8u);
  EXPECT_EQ(options.frames->per_second, 30u);
  EXPECT_EQ(options.audio_rate, 50u);
  EXPECT_EQ(options.warmup, 200ms);
  EXPECT_EQ(options.duration, 3s);
}

TEST(BenchArguments, TheGeneratorIsRead) {
  const BenchOptions options = bench(
      {"--sender",         "gso",       "--receiver",     "gro", "--client-address", "127.0.0.2",
       "--client-address", "127.0.0.3", "--peer-address", "::1", "--client-netns",   "a",
       "--peer-netns",     "b",         "--threads",      "2",   "--cpus",           "1,3-4",
       "--server-pid",     "42"});
  EXPECT_EQ(options.sender, SenderKind::gso);
  EXPECT_EQ(options.receiver, ReceiverKind::gro);
  EXPECT_THAT(options.client_addresses,
              ElementsAre(*IpAddress::parse("127.0.0.2"), *IpAddress::parse("127.0.0.3")));
  EXPECT_THAT(options.peer_addresses, ElementsAre(*IpAddress::parse("::1")));
  EXPECT_EQ(options.client_netns, "a");
  EXPECT_EQ(options.peer_netns, "b");
  EXPECT_EQ(options.threads, 2u);
  EXPECT_THAT(options.cpus, ElementsAre(1, 3, 4));
  EXPECT_EQ(options.server_pid, 42);
}

TEST(BenchArguments, RequestsAndFloodsAreRead) {
  const BenchOptions options =
      bench({"--mode", "allocate", "--window", "8", "--storm-seconds", "10", "--flood", "binding:5",
             "--flood", "bad-hmac:7", "--flood-address", "127.0.1.1", "--json", "--quiet"});
  EXPECT_EQ(options.request_window, 8u);
  EXPECT_EQ(options.storm, Duration{10s});
  ASSERT_EQ(options.floods.size(), 2u);
  EXPECT_EQ(options.floods[1].kind, FloodKind::bad_hmac);
  EXPECT_EQ(options.floods[1].packets_per_second, 7u);
  EXPECT_EQ(options.flood_addresses.size(), 1u);
  EXPECT_TRUE(options.json);
  EXPECT_TRUE(options.quiet);
}

TEST(BenchArguments, UsersOfLivesAreRead) {
  const BenchOptions in_turn = bench({"--mode", "allocate", "--user", "u", "--password", "p",
                                      "--users", "1000", "--refreshes", "9"});
  EXPECT_EQ(in_turn.users, 1'000u);
  EXPECT_EQ(in_turn.refreshes, 9u);
  ConfigReading reading;
  reading.environment["SECRET"] = "shared";
  run({"bench", "turn:x", "--mode", "lives", "--auth-secret", "${SECRET}"}, reading);
  ASSERT_TRUE(called.benched);
  EXPECT_EQ(called.benched->auth_secret, "shared");
}

TEST(BenchArguments, AWorkloadGoesFirstWhereverItStands) {
  const BenchOptions options = bench({"--allocations", "10", "--workload", "W3"});
  EXPECT_EQ(options.workload, "W3");
  EXPECT_EQ(options.allocations, 10u);
  EXPECT_EQ(options.direction, RelayDirection::both);
}

TEST(BenchArguments, SaturateTakesTheRateOfAWorkloadAway) {
  const BenchOptions options = bench({"--workload", "W4", "--saturate", "64"});
  EXPECT_FALSE(options.is_open_loop());
  EXPECT_EQ(options.window, 64u);
}

TEST(BenchArguments, WorkloadsAreListedWithoutAServer) {
  const CommandRun result = run({"bench", "--workload", "list"});
  EXPECT_EQ(result.status, 0);
  EXPECT_THAT(result.out, HasSubstr("W2-1200"));
  EXPECT_FALSE(called.benched);
}

TEST(BenchArguments, ThePasswordMayComeFromTheEnvironment) {
  ConfigReading reading;
  reading.environment["SECRET"] = "wonderland";
  run({"bench", "turn:x", "--user", "alice", "--password", "${SECRET}"}, reading);
  ASSERT_TRUE(called.benched);
  EXPECT_EQ(called.benched->password, "wonderland");
}

TEST(BenchArguments, MistakesAreUsageErrors) {
  for (const std::vector<std::string>& flags :
       std::vector<std::vector<std::string>>{{"--workload", "W99"},
                                             {"--direction", "sideways"},
                                             {"--transport", "sctp"},
                                             {"--frames", "8"},
                                             {"--frames", "8@x"},
                                             {"--flood", "binding"},
                                             {"--flood", "storm:5"},
                                             {"--cpus", "one"},
                                             {"--client-address", "example.org"},
                                             {"--seconds", "soon"},
                                             {"--rate", "fast"}}) {
    std::vector<std::string> arguments{"bench", "turn:x"};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    const CommandRun result = run(arguments);
    EXPECT_EQ(result.status, 2) << flags[0] << ' ' << flags[1];
    EXPECT_THAT(result.err, HasSubstr(flags[0])) << flags[1];
    EXPECT_FALSE(called.benched);
  }
  EXPECT_EQ(run({"bench"}).err, "uturn bench: URI is required\n");
}

}  // namespace
}  // namespace uturn
