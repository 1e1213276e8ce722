// BenchReport: the JSON has what is known and leaves out what is not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "client/tools/bench/relay_counts.h"
#include "client/tools/bench/report.h"

namespace uturn {
namespace {

nlohmann::json json_of(const BenchReport& report) {
  std::ostringstream out;
  print_json(report, out);
  return nlohmann::json::parse(out.str());
}

BenchReport report_for(BenchOptions options) {
  return {.settings = std::move(options), .server = "192.0.2.1:3478", .seconds = 2};
}

TEST(BenchReport, WhatIsUnknownIsAbsent) {
  const auto json = json_of(report_for({.uri = "turn:192.0.2.1"}));
  EXPECT_EQ(json["workload"], nullptr);
  EXPECT_EQ(json["server"], "turn:192.0.2.1:3478");
  EXPECT_EQ(json["settings"]["saturate"], 512);
  for (const char* key : {"relay", "requests", "usage", "flood", "machine", "io"}) {
    EXPECT_FALSE(json.contains(key)) << key;
  }
  EXPECT_FALSE(json["settings"].contains("rate"));
}

TEST(BenchReport, SettingsNeverHaveThePassword) {
  std::ostringstream out;
  print_json(report_for({.uri = "turn:x", .username = "alice", .password = "wonderland"}), out);
  print_table(report_for({.uri = "turn:x", .username = "alice", .password = "wonderland"}), out);
  EXPECT_THAT(out.str(), ::testing::Not(::testing::HasSubstr("wonderland")));
}

TEST(BenchReport, CpuIsSharedOutAmongPackets) {
  BenchReport report = report_for({.uri = "turn:x"});
  report.usage.emplace();
  report.usage->cpu_ns = 9'000;
  report.usage->per = "packet";
  report.usage->units = 3;
  const auto usage = json_of(report)["usage"];
  EXPECT_EQ(usage["cpu_ns_per"], 3'000.0);
  EXPECT_FALSE(usage.contains("user_ns_per"));
  EXPECT_FALSE(usage.contains("units"));
}

TEST(BenchReport, NothingRelayedSharesOutNothing) {
  BenchReport report = report_for({.uri = "turn:x"});
  report.usage.emplace();
  report.usage->cpu_ns = 9'000;
  report.usage->units = 0;
  EXPECT_FALSE(json_of(report)["usage"].contains("cpu_ns_per"));
}

TEST(BenchReport, AmplificationIsBytesBackForBytesSent) {
  BenchReport report = report_for({.uri = "turn:x"});
  report.floods.push_back({FloodKind::bad_hmac, 10, 1'000, 5, 250});
  const auto flood = json_of(report)["flood"][0];
  EXPECT_EQ(flood["kind"], "bad-hmac");
  EXPECT_EQ(flood["amplification"], 0.25);
}

RelayCounts some_counts() {
  RelayCounts counts;
  counts.to_peer.sent = 100;
  counts.to_peer.received = 90;
  counts.to_peer.bytes_received = 9'000;
  counts.to_peer.latency.record(100us);
  return counts;
}

TEST(RelayReport, LossAndRatesAreOfWhatArrived) {
  const RelayReport report = report_of(some_counts(), {.uri = "turn:x"}, 2);
  EXPECT_EQ(report.lost, 10u);
  EXPECT_EQ(report.packets_per_second, 45);
  EXPECT_EQ(report.payload_bits_per_second, 36'000);
  ASSERT_TRUE(report.to_peer);
  EXPECT_EQ(report.to_peer->lost, 10u);
  EXPECT_EQ(report.to_peer->latency->max, 100'000u);
  EXPECT_FALSE(report.to_client) << "nobody asked for that direction";
  EXPECT_FALSE(report.generator_behind);
}

TEST(RelayReport, AScheduleThatWasNotKeptIsSaid) {
  RelayCounts counts = some_counts();
  counts.late = 3;
  counts.unsent = 2;
  EXPECT_FALSE(report_of(counts, {.uri = "turn:x"}, 2).generator_behind);
  counts.unsent = 3;
  const RelayReport report = report_of(counts, {.uri = "turn:x"}, 2);
  EXPECT_TRUE(report.generator_behind);
  EXPECT_EQ(report.late, 6u);
}

TEST(RelayCounts, ThreadsAddUp) {
  RelayCounts sum = some_counts();
  sum.merge(some_counts());
  EXPECT_EQ(sum.to_peer.sent, 200u);
  EXPECT_EQ(sum.to_peer.latency.count(), 2u);
}

}  // namespace
}  // namespace uturn
