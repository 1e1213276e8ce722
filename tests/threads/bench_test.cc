// Bench: the whole tool against a real server on loopback, a few hundred packets at a time.
#include "client/tools/bench/bench.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/threads/running_server.h"
#include "tests/threads/udp_end.h"

namespace uturn {
namespace {

using ::testing::HasSubstr;

struct Benched {
  int status = -1;
  std::string out;
  std::string err;
  nlohmann::json report;
  const nlohmann::json& relay() const { return report.at("relay"); }
};

/// So slow that nothing is lost on any machine, and over in a moment.
BenchOptions gentle(const TransportAddress& server) {
  BenchOptions options{.uri = "turn:" + server.to_string()};
  options.username = "alice";
  options.password = "secret";
  options.allocations = 5;
  options.rate = 400;
  options.warmup = 0s;
  options.duration = 500ms;
  options.json = true;
  return options;
}

Benched bench(const BenchOptions& options) {
  std::ostringstream out;
  std::ostringstream err;
  Benched result;
  result.status = run_bench(options, out, err);
  result.out = out.str();
  result.err = err.str();
  if (result.status == kBenchDone && options.json) {
    result.report = nlohmann::json::parse(result.out);
  }
  return result;
}

class Bench : public testing::Test {
 protected:
  RunningServer server_{loopback_config(IoWish::epoll, 1)};
};

/// Loss is possible on a machine under load, a packet that is neither received nor lost is not.
void expect_that_all_are_accounted_for(const nlohmann::json& relay) {
  EXPECT_GT(relay["received"], 0);
  EXPECT_EQ(relay["sent"], relay["received"].get<uint64_t>() + relay["lost"].get<uint64_t>());
  EXPECT_EQ(relay["duplicates"], 0);
  EXPECT_EQ(relay["unknown"], 0);
}

TEST_F(Bench, ToThePeersByChannel) {
  const Benched result = bench(gentle(server_.address()));
  ASSERT_EQ(result.status, kBenchDone) << result.err;
  EXPECT_EQ(result.err, "");
  expect_that_all_are_accounted_for(result.relay());
  // 400 packets/s for half a second, in time or late.
  EXPECT_LE(result.relay()["sent"], 200);
  EXPECT_GE(result.relay()["sent"].get<uint64_t>() + result.relay()["late"].get<uint64_t>(), 200u);
  EXPECT_EQ(result.relay()["to_peer"]["latency_ns"]["count"], result.relay()["received"]);
  EXPECT_FALSE(result.relay().contains("to_client"));
  EXPECT_EQ(result.report["scaled"], nlohmann::json::array());

  server_.stop();
  EXPECT_GE(server_.counters().to_peers, result.relay()["received"].get<uint64_t>());
}

TEST_F(Bench, BothWaysByIndication) {
  BenchOptions options = gentle(server_.address());
  options.direction = RelayDirection::both;
  options.via = RelayVia::indication;
  options.payload = 33;  // padded on the way to the server
  const Benched result = bench(options);
  ASSERT_EQ(result.status, kBenchDone) << result.err;
  expect_that_all_are_accounted_for(result.relay());
  EXPECT_GT(result.relay()["to_peer"]["received"], 0);
  EXPECT_GT(result.relay()["to_client"]["received"], 0);
}

TEST_F(Bench, AnEchoCountsBothLegsAndTimesTheRound) {
  BenchOptions options = gentle(server_.address());
  options.direction = RelayDirection::echo;
  const Benched result = bench(options);
  ASSERT_EQ(result.status, kBenchDone) << result.err;
  expect_that_all_are_accounted_for(result.relay());
  EXPECT_EQ(result.relay()["to_peer"]["received"], result.relay()["to_client"]["sent"]);
  EXPECT_EQ(result.relay()["round_trip_ns"]["count"], result.relay()["to_client"]["received"]);
}

TEST_F(Bench, AFanOutSendsToTheClientFromEachPeer) {
  BenchOptions options = gentle(server_.address());
  options.allocations = 2;
  options.direction = RelayDirection::both;
  options.fanout = 7;
  options.rate = 100;
  const Benched result = bench(options);
  ASSERT_EQ(result.status, kBenchDone) << result.err;
  expect_that_all_are_accounted_for(result.relay());
  EXPECT_EQ(result.relay()["to_client"]["sent"],
            7 * result.relay()["to_peer"]["sent"].get<uint64_t>());
}

TEST_F(Bench, SaturatesWithThreadsAndSharedPeers) {
  BenchOptions options = gentle(server_.address());
  options.rate.reset();
  options.window = 8;
  options.threads = 2;
  options.peers = 2;
  options.sender = SenderKind::gso;
  options.burst = 2;
  const Benched result = bench(options);
  ASSERT_EQ(result.status, kBenchDone) << result.err;
  expect_that_all_are_accounted_for(result.relay());
}

TEST_F(Bench, TellsPeopleInATable) {
  BenchOptions options = gentle(server_.address());
  options.json = false;
  const Benched result = bench(options);
  ASSERT_EQ(result.status, kBenchDone) << result.err;
  EXPECT_THAT(result.out, HasSubstr("packets/s"));
  EXPECT_THAT(result.out, HasSubstr("to peer"));
}

TEST_F(Bench, ReleasesItsAllocations) {
  ASSERT_EQ(bench(gentle(server_.address())).status, kBenchDone);
  server_.stop();
  EXPECT_EQ(server_.counters().allocations_deleted, 5u);
}

TEST_F(Bench, AWrongPasswordFailsAndIsNotSaid) {
  BenchOptions options = gentle(server_.address());
  options.password = "wonderland";
  const Benched result = bench(options);
  EXPECT_EQ(result.status, kBenchFailed);
  EXPECT_THAT(result.err, HasSubstr("does not accept this user name and password"));
  EXPECT_THAT(result.err, ::testing::Not(HasSubstr("wonderland")));
}

TEST(BenchWithoutPeers, AForbiddenPeerNamesTheOptionThatAllowsIt) {
  Config config = loopback_config(IoWish::epoll, 1);
  config.peers.allow.clear();
  RunningServer server{config};
  BenchOptions options = gentle(server.address());
  // A permission for the address that the server relays from is given, and the data dropped.
  const Benched dropped = bench(options);
  EXPECT_EQ(dropped.status, kBenchFailed);
  EXPECT_THAT(dropped.err, HasSubstr("--allow-peer 127.0.0.1"));

  options.peer_addresses = {*IpAddress::parse("127.0.0.9")};
  const Benched refused = bench(options);
  EXPECT_EQ(refused.status, kBenchFailed);
  EXPECT_THAT(refused.err, HasSubstr("403"));
  EXPECT_THAT(refused.err, HasSubstr("--allow-peer 127.0.0.9"));
}

// The kernel says that nobody listens, so this ends at once.
TEST(BenchWithoutServer, NobodyThereIsAFailure) {
  TransportAddress nobody;
  {
    nobody = UdpEnd{}.address();
  }
  const Benched result = bench(gentle(nobody));
  EXPECT_EQ(result.status, kBenchFailed);
  EXPECT_THAT(result.err, HasSubstr("nothing listens on this port"));
}

TEST(BenchUsage, WhatItCannotDoIsAUsageError) {
  const auto refused = [](void (*make)(BenchOptions& options)) {
    BenchOptions options{.uri = "turn:127.0.0.1"};
    make(options);
    const Benched result = bench(options);
    EXPECT_EQ(result.status, kBenchUsage);
    EXPECT_EQ(result.out, "");
    return result.err;
  };
  EXPECT_THAT(refused([](BenchOptions& o) { o.uri = "http://x"; }), HasSubstr("must start with"));
  EXPECT_THAT(refused([](BenchOptions& o) {
                o.transport = Transport::dtls;
                o.payload = 2'000;
              }),
              HasSubstr("over dtls"));
  EXPECT_THAT(refused([](BenchOptions& o) { o.uri = "stun:x"; }), HasSubstr("nothing but Binding"));
  EXPECT_THAT(refused([](BenchOptions& o) { o.payload = 1; }), HasSubstr("a payload has"));
}

}  // namespace
}  // namespace uturn
