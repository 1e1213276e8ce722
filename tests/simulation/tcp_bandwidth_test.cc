// Bandwidth and byte caps of TCP allocations (RFC 6062): what may not move yet waits, and nothing
// of it is lost, repeated or out of its place.
#include <algorithm>
#include <cstdio>
#include <random>
#include <tuple>

#include "tests/simulation/tcp_world.h"

namespace uturn {
namespace {

using namespace std::chrono_literals;

constexpr uint64_t kRate = 20'000;  // less than the virtual network carries
constexpr size_t kBurst = 65'536;   // Rate::kSmallestBurst

/// Every eight bytes say who sent them, and which they are.
std::string counted(char who, size_t size) {
  std::string text;
  for (size_t i = 0; text.size() < size; ++i) {
    char item[32];
    std::snprintf(item, sizeof item, "%c%07zu", who, i);
    text += item;
  }
  text.resize(size);
  return text;
}

/// What was heard is the beginning of what was said.
void expect_in_place(const std::string& heard, const std::string& said) {
  ASSERT_LE(heard.size(), said.size());
  const auto differs = std::ranges::mismatch(heard, said).in1;
  EXPECT_EQ(differs, heard.end()) << "from byte " << differs - heard.begin()
                                  << " on: " << std::string(differs, heard.end()).substr(0, 32);
}

enum class Limited : uint8_t { no, allocation, user, server, together };

QuotaLimits limits_of(Limited by) {
  switch (by) {
    case Limited::no:
      return {};
    case Limited::allocation:
      return {.bandwidth_per_allocation = kRate};
    case Limited::user:
      return {.bandwidth_per_user = kRate};
    case Limited::server:
      return {.bandwidth = kRate};
    case Limited::together:
      return {.bandwidth = kRate, .bandwidth_per_user = kRate, .bandwidth_per_allocation = kRate};
  }
  return {};
}

class JoinedBytes : public TcpAllocations,
                    public testing::WithParamInterface<std::tuple<uint64_t, Limited>> {
 protected:
  JoinedBytes()
      : TcpAllocations(
            [](ServerSpec& spec) {
              spec.shards = 2;
              spec.quota = limits_of(std::get<1>(GetParam()));
            },
            std::get<0>(GetParam())) {}
};

TEST_P(JoinedBytes, OfBothEndsAtOnceStayInPlaceAndKeepToTheirRate) {
  std::mt19937 dice(static_cast<uint32_t>(std::get<0>(GetParam())));
  const bool is_limited = std::get<1>(GetParam()) != Limited::no;
  const std::string question = counted('q', 150'000 + dice() % 100'000);
  const std::string answer = counted('a', 150'000 + dice() % 100'000);
  const auto [ours, theirs] = pair();
  const Instant began = world.network.now().monotonic;
  ours->say(question);
  theirs->say(answer);
  bool keeps_to_it = true;
  const bool has_all = world.run_until(
      [&] {
        const double seconds =
            std::chrono::duration<double>(world.network.now().monotonic - began).count();
        const double most = kBurst + seconds * kRate + 1;
        const auto longest = std::max(theirs->heard.size(), ours->heard.size());
        keeps_to_it = keeps_to_it && (!is_limited || static_cast<double>(longest) <= most);
        return theirs->heard.size() >= question.size() && ours->heard.size() >= answer.size();
      },
      30s);
  EXPECT_TRUE(has_all) << theirs->heard.size() << " of " << question.size() << ", "
                       << ours->heard.size() << " of " << answer.size();
  EXPECT_TRUE(keeps_to_it);
  expect_in_place(theirs->heard, question);
  expect_in_place(ours->heard, answer);
  const Duration took = world.network.now().monotonic - began;
  const auto longest = static_cast<double>(std::max(question.size(), answer.size()));
  EXPECT_LT(took, std::chrono::duration<double>((longest - kBurst) / kRate * 1.1 + 1));
  const StreamCounters counters = world.counters();
  EXPECT_EQ(counters.joined_waits > 0, is_limited);
  EXPECT_EQ(counters.joined_waiting, 0U);
  ours->leave();
  theirs->leave();
  EXPECT_TRUE(nothing_remains());
}

INSTANTIATE_TEST_SUITE_P(Seeds, JoinedBytes,
                         testing::Combine(testing::Range<uint64_t>(1, 4),
                                          testing::Values(Limited::no, Limited::allocation,
                                                          Limited::user, Limited::server,
                                                          Limited::together)));

class SlowConnections : public TcpAllocations {
 protected:
  SlowConnections()
      : TcpAllocations([](ServerSpec& spec) { spec.quota = {.bandwidth_per_user = kRate}; }) {}
};

TEST_F(SlowConnections, OfOneUserShareWhatThereIs) {
  std::vector<Pair> pairs;
  for (int i = 0; i < 4; ++i) pairs.push_back(attempted_pair());
  const std::string text = counted('t', 100'000);
  for (const Pair& each : pairs) each.theirs->say(text);
  world.run_for(10s);
  EXPECT_EQ(world.counters().joined_waiting, 4U);
  size_t heard = 0;
  for (const Pair& each : pairs) {
    EXPECT_GT(each.ours->heard.size(), 30'000U);
    heard += each.ours->heard.size();
  }
  EXPECT_LE(heard, kBurst + 10 * kRate);
  EXPECT_GT(heard, kBurst + 8 * kRate);
  EXPECT_TRUE(world.run_until([&] {
    return std::ranges::all_of(
        pairs, [&](const Pair& each) { return each.ours->heard.size() == text.size(); });
  }));
  for (const Pair& each : pairs) expect_in_place(each.ours->heard, text);
  EXPECT_EQ(world.relay_counters().bandwidth_drops[static_cast<size_t>(BandwidthLimit::user)],
            world.counters().joined_waits);
}

TEST_F(SlowConnections, TellAnEndBehindWhatWasSaid) {
  const auto [ours, theirs] = pair();
  const std::string text = counted('t', 250'000);
  theirs->say(text);
  EXPECT_TRUE(world.run_until([&] { return theirs->has_said_all(); }));
  EXPECT_LT(ours->heard.size(), text.size());
  theirs->leave();
  EXPECT_TRUE(world.run_until([&] { return ours->is_over(); }));
  EXPECT_TRUE(ours->has_ended());
  EXPECT_EQ(ours->heard.size(), text.size());
  expect_in_place(ours->heard, text);
}

TEST_F(SlowConnections, ThatEndWhileTheyWaitLeaveNothing) {
  for (const bool deletes : {false, true}) {
    const auto [ours, theirs] = pair();
    theirs->say(counted('t', 300'000));
    world.run_for(2s);
    EXPECT_EQ(world.counters().joined_waiting, 1U);
    if (deletes) {
      alice.ask(Method::refresh, [](auto& m) { m.add_u32(AttributeType::lifetime, 0); });
    } else {
      ours->reset();
    }
    EXPECT_TRUE(world.run_until([&] { return theirs->is_over(); }));
    EXPECT_TRUE(nothing_remains());
    EXPECT_EQ(world.counters().joined_waiting, 0U);
  }
}

class ReloadedConnections : public TcpAllocations {};

TEST_F(ReloadedConnections, WaitAndGoOn) {
  const auto [ours, theirs] = pair();
  const std::string text = counted('t', 400'000);
  theirs->say(text.substr(0, 100'000));
  EXPECT_TRUE(world.run_until([&] { return ours->heard.size() == 100'000; }));
  EXPECT_EQ(world.counters().joined_waits, 0U);

  world.server.set_quota({.bandwidth_per_user = kRate});
  theirs->say(text.substr(100'000));
  world.run_for(3s);
  EXPECT_LE(ours->heard.size(), 100'000 + 2 * kBurst + 3 * kRate) << "one of these it had already";
  EXPECT_GE(ours->heard.size(), 100'000 + kBurst + 2 * kRate);
  EXPECT_EQ(world.counters().joined_waiting, 1U);

  const Instant began = world.network.now().monotonic;
  world.server.set_quota({});
  EXPECT_TRUE(world.run_until([&] { return ours->heard.size() == text.size(); }));
  EXPECT_LT(world.network.now().monotonic - began, 6s);
  expect_in_place(ours->heard, text);
  EXPECT_EQ(world.counters().joined_waiting, 0U);
}

class GuestsConnections : public TcpAllocations {
 protected:
  static constexpr uint64_t kCap = 100'000;
  GuestsConnections()
      : TcpAllocations(
            [](ServerSpec& spec) {
              spec.quota = {.classes = {{"guest", {.bytes = kCap, .every = 3'600s}}}};
            },
            1, "gil") {}
};

TEST_F(GuestsConnections, EndWithTheirBytes) {
  const auto [ours, theirs] = pair();
  const std::string text = counted('t', 130'000);
  ours->say(text);
  EXPECT_TRUE(world.run_until([&] { return theirs->is_over(); }));
  EXPECT_LE(theirs->heard.size(), kCap);
  EXPECT_GT(theirs->heard.size(), kCap - 20'000) << "but for what was still on its way";
  expect_in_place(theirs->heard, text);
  EXPECT_TRUE(nothing_remains());
  EXPECT_EQ(world.allocations(), 0U);
  StreamVisitor again(world, "203.0.113.1:4900", Manners{.user = "gil"});
  const Message answer =
      again.ask(Method::allocate, [](auto& message) { message.add_requested_transport(kTcp); });
  EXPECT_EQ(answer.error(), 486);
}

TEST_F(GuestsConnections, SpendThemInBothDirectionsAndNoneByWaiting) {
  const auto [ours, theirs] = pair();
  const std::string text = counted('t', kCap / 2);
  ours->say(text);
  world.run_for(2s);
  EXPECT_EQ(theirs->heard.size(), text.size());
  theirs->say(text.substr(0, text.size() - 1));
  world.run_for(2s);
  EXPECT_EQ(ours->heard.size(), text.size() - 1);
  EXPECT_FALSE(ours->is_over()) << "a byte is left";
  theirs->say("the rest");
  EXPECT_TRUE(world.run_until([&] { return ours->is_over(); }));
  EXPECT_LE(ours->heard.size(), text.size());
  expect_in_place(ours->heard, text.substr(0, text.size() - 1) + "t");
}

}  // namespace
}  // namespace uturn
