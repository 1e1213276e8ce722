// Bench modes: requests and floods against a real server on loopback.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "client/tools/bench/bench.h"
#include "client/tools/bench/modes.h"
#include "tests/threads/running_server.h"

namespace uturn {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class BenchModes : public testing::TestWithParam<IoWish> {
 protected:
  BenchOptions options(BenchMode mode) const {
    BenchOptions options{.uri = "turn:" + server_.address().to_string()};
    options.username = "alice";
    options.password = "secret";
    options.mode = mode;
    options.allocations = 30;
    options.request_window = 8;
    options.warmup = 50ms;
    options.duration = 200ms;
    options.server_pid = ::getpid();
    return options;
  }

  BenchReport run(const BenchOptions& options) {
    BenchReport report{.settings = options};
    std::ostringstream terminal;
    Progress progress{terminal, false};
    const auto done = run_mode({.address = server_.address()}, progress, report);
    EXPECT_TRUE(done.has_value()) << done.error();
    return report;
  }

  RunningServer server_{loopback_config(GetParam(), 1)};
};

TEST_P(BenchModes, AllocateAndReleaseUntilTheTimeIsOver) {
  const BenchReport report = run(options(BenchMode::allocate));
  ASSERT_TRUE(report.requests && report.releases && report.usage);
  EXPECT_GT(report.requests->succeeded, 0u);
  EXPECT_THAT(report.requests->failed, IsEmpty());
  EXPECT_LE(report.requests->succeeded, report.requests->begun);
  EXPECT_EQ(report.requests->latency->count, report.requests->succeeded);
  EXPECT_GT(report.releases->succeeded, 0u);
  EXPECT_EQ(report.usage->per, "request");
  EXPECT_EQ(report.usage->units, report.releases->succeeded);
  EXPECT_GT(report.usage->cpu_ns, 0u);
}

TEST_P(BenchModes, AStormIsAllocatedWholeAndThenReleased) {
  BenchOptions storm = options(BenchMode::allocate);
  storm.storm = 100ms;
  const BenchReport report = run(storm);
  EXPECT_EQ(report.requests->begun, 30u);
  EXPECT_EQ(report.requests->succeeded, 30u);
  EXPECT_EQ(report.releases->succeeded, 30u);
  EXPECT_TRUE(report.usage->rss_bytes_per_allocation.has_value());

  server_.stop();
  EXPECT_EQ(server_.counters().allocations_made, 30u);
  EXPECT_EQ(server_.counters().allocations_deleted, 30u);
}

TEST_P(BenchModes, IdleMeasuresWhatTheLastTwoThirdsTake) {
  const BenchReport report = run(options(BenchMode::idle));
  EXPECT_EQ(report.requests->succeeded, 30u);
  EXPECT_EQ(report.releases->succeeded, 30u);
  EXPECT_EQ(report.usage->per, "allocation");
  EXPECT_EQ(report.usage->units, 20u);
  const double grown = static_cast<double>(*report.usage->rss_bytes_after) -
                       static_cast<double>(*report.usage->rss_bytes_before);
  EXPECT_DOUBLE_EQ(*report.usage->rss_bytes_per_allocation, grown / 20);
}

TEST_P(BenchModes, LivesAreAsManyAsAskedFor) {
  const BenchReport report = run(options(BenchMode::lives));
  EXPECT_EQ(report.requests->succeeded, 30u);
  EXPECT_EQ(report.releases->succeeded, 30u);
  EXPECT_THAT(report.requests->failed, IsEmpty());
}

TEST_P(BenchModes, BindingsAreAnswered) {
  BenchOptions binding = options(BenchMode::binding);
  binding.client_addresses = {*IpAddress::parse("127.0.0.1"), *IpAddress::parse("127.0.0.2")};
  const BenchReport report = run(binding);
  EXPECT_GT(report.requests->succeeded, 0u);
  EXPECT_LE(report.requests->succeeded, report.requests->begun);
  EXPECT_FALSE(report.releases.has_value());
}

TEST_P(BenchModes, ChurnComesAndGoesBesideTheRelaying) {
  BenchOptions churn = options(BenchMode::churn);
  churn.rate = 400;
  churn.duration = 500ms;
  const BenchReport report = run(churn);
  ASSERT_TRUE(report.relay && report.requests && report.usage);
  EXPECT_GT(report.relay->received, 0u);
  EXPECT_GT(report.requests->succeeded, 0u);
  EXPECT_EQ(report.releases->succeeded, report.requests->succeeded);
  EXPECT_GT(report.usage->memory.size(), 1u);
  EXPECT_TRUE(report.usage->rss_bytes_per_hour.has_value());
}

TEST_P(BenchModes, FloodsAreCountedByKind) {
  BenchOptions flooded = options(BenchMode::lives);
  flooded.allocations = 300;
  for (const FloodKind kind :
       {FloodKind::binding, FloodKind::allocate, FloodKind::garbage, FloodKind::bad_hmac}) {
    flooded.floods.push_back({kind, 2'000});
  }
  const BenchReport report = run(flooded);
  EXPECT_EQ(report.requests->succeeded, 300u);
  ASSERT_EQ(report.floods.size(), 4u);
  for (const FloodReport& flood : report.floods) {
    EXPECT_GT(flood.sent, 0u);
    EXPECT_LE(flood.answers, flood.sent);
    EXPECT_EQ(flood.answers > 0, flood.kind != FloodKind::garbage) << text_of(flood.kind);
  }
}

TEST_P(BenchModes, WithTheWrongPasswordItCannotRun) {
  BenchOptions wrong = options(BenchMode::allocate);
  wrong.password = "wrong";
  BenchReport report{.settings = wrong};
  std::ostringstream terminal;
  Progress progress{terminal, false};
  const auto done = run_mode({.address = server_.address()}, progress, report);
  ASSERT_FALSE(done.has_value());
  EXPECT_THAT(done.error(), HasSubstr("password"));
}

INSTANTIATE_TEST_SUITE_P(Io, BenchModes, testing::Values(IoWish::epoll, IoWish::automatic),
                         [](const auto& io) {
                           return io.param == IoWish::epoll ? "Epoll" : "Automatic";
                         });

TEST(BenchCommand, RunsTheModesAndTheirFloods) {
  const RunningServer server{loopback_config(IoWish::epoll, 1)};
  BenchOptions options{.uri = "turn:" + server.address().to_string()};
  options.username = "alice";
  options.password = "secret";
  options.mode = BenchMode::lives;
  options.allocations = 10;
  options.floods = {{FloodKind::binding, 1'000}};
  options.json = true;
  std::ostringstream out;
  std::ostringstream err;
  ASSERT_EQ(run_bench(options, out, err), kBenchDone) << err.str();
  const auto report = nlohmann::json::parse(out.str());
  EXPECT_EQ(report["requests"]["succeeded"], 10);
  EXPECT_EQ(report["releases"]["succeeded"], 10);
  EXPECT_EQ(report["flood"][0]["kind"], "binding");
}

/// Everybody at once, from a few addresses, as after an outage.
BenchReport storm(const RunningServer& server, uint32_t clients) {
  BenchOptions options{.uri = "turn:" + server.address().to_string()};
  options.username = "alice";
  options.password = "secret";
  options.mode = BenchMode::allocate;
  options.allocations = clients;
  options.storm = 1ms;
  for (const char* address : {"127.0.1.1", "127.0.1.2", "127.0.1.3", "127.0.1.4"}) {
    options.client_addresses.push_back(*IpAddress::parse(address));
  }
  BenchReport report{.settings = options};
  std::ostringstream terminal;
  Progress progress{terminal, false};
  EXPECT_TRUE(run_mode({.address = server.address()}, progress, report).has_value());
  return report;
}

TEST(Storm, UnderTheDefaultLimitsNobodyIsLost) {
  const RunningServer server{loopback_config(IoWish::automatic, 2)};
  const BenchReport report = storm(server, 800);
  EXPECT_EQ(report.requests->begun, 800u);
  EXPECT_EQ(report.requests->succeeded, 800u);
  EXPECT_THAT(report.requests->failed, IsEmpty());
}

// A server that answers few strangers a second loses none that keeps to RFC 8489, Section 6.2.1.
TEST(Storm, WhoeverIsLimitedRetransmitsAndIsServed) {
  Config config = loopback_config(IoWish::automatic, 1);
  config.limits.answers_per_second = 10;
  config.limits.answers_burst = 5;
  const RunningServer server{config};
  const BenchReport report = storm(server, 80);
  EXPECT_EQ(report.requests->succeeded, 80u);
  EXPECT_THAT(report.requests->failed, IsEmpty());
  EXPECT_GT(report.requests->retransmissions, 0u);
}

}  // namespace
}  // namespace uturn
