// Bench: the tool against the bare forwarder, which relays without TURN.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "client/tools/bench/bench.h"
#include "tests/threads/running_forwarder.h"
#include "tests/threads/udp_end.h"

namespace uturn {
namespace {

using ::testing::HasSubstr;

BenchOptions gentle(const TransportAddress& forwarder) {
  BenchOptions options{.uri = "forward:" + forwarder.to_string()};
  options.allocations = 5;
  options.rate = 400;
  options.warmup = 0s;
  options.duration = 300ms;
  options.json = true;
  return options;
}

nlohmann::json report_of(const BenchOptions& options) {
  std::ostringstream out;
  std::ostringstream err;
  EXPECT_EQ(run_bench(options, out, err), kBenchDone) << err.str();
  return nlohmann::json::parse(out.str());
}

std::string refusal_of(const BenchOptions& options, int status) {
  std::ostringstream out;
  std::ostringstream err;
  EXPECT_EQ(run_bench(options, out, err), status);
  EXPECT_EQ(out.str(), "");
  return err.str();
}

void expect_that_all_are_accounted_for(const nlohmann::json& relay) {
  EXPECT_GT(relay["received"], 0);
  EXPECT_EQ(relay["sent"], relay["received"].get<uint64_t>() + relay["lost"].get<uint64_t>());
  EXPECT_EQ(relay["unknown"], 0);
}

TEST(BenchForwarder, EveryPacketOfBothWaysIsForwardedAndCounted) {
  RunningForwarder forwarder{5};
  BenchOptions options = gentle(forwarder.address());
  options.direction = RelayDirection::both;
  options.via = RelayVia::indication;  // means nothing here
  options.client_addresses = {*IpAddress::parse("127.0.0.2"), *IpAddress::parse("127.0.0.3")};
  options.peer_addresses = {*IpAddress::parse("127.0.0.4"), *IpAddress::parse("127.0.0.5")};
  const nlohmann::json report = report_of(options);
  EXPECT_EQ(report["server"], "forward:" + forwarder.address().to_string());
  expect_that_all_are_accounted_for(report["relay"]);
  EXPECT_GT(report["relay"]["to_peer"]["received"], 0);
  EXPECT_GT(report["relay"]["to_client"]["received"], 0);
  // One more or less would be a header taken for a payload, or a set-up counted as one.
  forwarder.stop();
  EXPECT_GE(forwarder.forwarded(), report["relay"]["received"].get<uint64_t>());
  EXPECT_LE(forwarder.forwarded(), report["relay"]["sent"].get<uint64_t>());
}

TEST(BenchForwarder, AnEchoComesBackTheSameWay) {
  RunningForwarder forwarder{5};
  BenchOptions options = gentle(forwarder.address());
  options.direction = RelayDirection::echo;
  const nlohmann::json relay = report_of(options)["relay"];
  expect_that_all_are_accounted_for(relay);
  EXPECT_EQ(relay["round_trip_ns"]["count"], relay["to_client"]["received"]);
}

TEST(BenchForwarder, WithRoomForFewerFlowsTheReportSaysSo) {
  RunningForwarder forwarder{3};
  const nlohmann::json report = report_of(gentle(forwarder.address()));
  EXPECT_EQ(report["settings"]["allocations"], 3);
  EXPECT_THAT(report["scaled"].dump(), HasSubstr("the forwarder refuses"));
  expect_that_all_are_accounted_for(report["relay"]);
}

// It is asked a few times: the socket is there, and nobody reads it meanwhile.
TEST(BenchForwarder, SilenceIsAFailureAfterFewRequests) {
  UdpEnd silent;
  EXPECT_THAT(refusal_of(gentle(silent.address()), kBenchFailed),
              HasSubstr("no forwarder answers"));
  size_t requests = 0;
  while (const auto request = silent.receive(0s)) {
    EXPECT_EQ(request->text().substr(0, 4), "FWD1");
    EXPECT_EQ(request->bytes.size(), 12u);
    ++requests;
  }
  EXPECT_EQ(requests, 5u);
}

TEST(BenchForwarder, NobodyThereIsAFailure) {
  TransportAddress nobody;
  {
    nobody = UdpEnd{}.address();
  }
  EXPECT_THAT(refusal_of(gentle(nobody), kBenchFailed), HasSubstr("nothing listens on this port"));
}

TEST(BenchForwarder, WhatItCannotDoIsAUsageError) {
  const auto refused = [](void (*make)(BenchOptions& options)) {
    BenchOptions options{.uri = "forward:127.0.0.1:9"};
    make(options);
    return refusal_of(options, kBenchUsage);
  };
  for (const char* uri : {"forward:", "forward:127.0.0.1", "forward:127.0.0.1:9?transport=udp",
                          "forward://127.0.0.1:9"}) {
    EXPECT_THAT(refusal_of({.uri = uri}, kBenchUsage), HasSubstr("is forward:HOST:PORT"));
  }
  EXPECT_THAT(refused([](BenchOptions& o) { o.mode = BenchMode::allocate; }),
              HasSubstr("only relays"));
  EXPECT_THAT(refused([](BenchOptions& o) { o.floods = {{FloodKind::binding, 10}}; }),
              HasSubstr("knows no STUN"));
  EXPECT_THAT(refused([](BenchOptions& o) { o.fanout = 2; }), HasSubstr("one peer of each client"));
}

}  // namespace
}  // namespace uturn
