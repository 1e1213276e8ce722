// Quotas, bandwidth and the caps of credential classes, as clients meet them.
#include <random>

#include "tests/relay/test_relay.h"

namespace uturn {
namespace {

TEST(SilentAllocation, GivesWayToANewOneOfItsUser) {
  TestRelay relay{{.quota = {.allocations_per_user = 1}}};
  auto& before = relay.client("192.0.2.1:4000", "alice");
  before.allocate();
  relay.passes(29s);
  auto& after = relay.client("192.0.2.9:4000", "alice");  // has roamed
  EXPECT_EQ(after.allocate().error(), 486);
  relay.passes(1s);
  EXPECT_EQ(after.allocate().error(), 0);
  EXPECT_EQ(relay.observer.ended, (std::vector{EndReason::gave_way}));
  EXPECT_EQ(relay.counters().allocations_gave_way, 1u);
  EXPECT_EQ(relay.counters().quota_refused[static_cast<size_t>(QuotaLimit::user)], 1u);
}

TEST(SilentAllocation, IsNoneWhoseClientStillSends) {
  TestRelay relay{{.quota = {.allocations_per_user = 1}}};
  auto& alice = relay.client("192.0.2.1:4000", "alice");
  alice.allocate();
  alice.bind_channel(0x4000, "198.51.100.7:5000");
  relay.passes(20s);
  alice.channel_data(0x4000, "here");
  (void)relay.sent_to_peer();
  relay.passes(20s);
  EXPECT_EQ(relay.client("192.0.2.9:4000", "alice").allocate().error(), 486);
}

// Whom the peer talks to may have gone long ago.
TEST(SilentAllocation, IsOneToWhichOnlyThePeerStillSends) {
  TestRelay relay{{.quota = {.allocations_per_user = 1}}};
  auto& alice = relay.client("192.0.2.1:4000", "alice");
  alice.allocate();
  alice.create_permission("198.51.100.7:5000");
  relay.passes(31s);
  relay.datagram_from_peer("198.51.100.7:5000", "hello?");
  EXPECT_EQ(relay.client("192.0.2.9:4000", "alice").allocate().error(), 0);
}

TEST(SilentAllocation, TheLongestSilentGoesFirstAndNobodyElses) {
  TestRelay relay{{.quota = {.allocations_per_user = 2}}};
  relay.client("192.0.2.5:1", "bob").allocate();
  auto& first = relay.client("192.0.2.1:1", "alice");
  first.allocate();
  relay.passes(5s);
  relay.client("192.0.2.1:2", "alice").allocate();
  relay.passes(60s);
  first.refresh();
  relay.passes(35s);
  EXPECT_EQ(relay.client("192.0.2.1:3", "alice").allocate().error(), 0);
  EXPECT_EQ(first.refresh().error(), 0) << "the other one went";
  EXPECT_EQ(relay.at().allocations(), 3u);
}

TEST(SilentAllocation, StaysWhereTheOperatorSaysSo) {
  TestRelay relay{
      {.relay = {.limits = {}, .idle_gives_way = false}, .quota = {.allocations_per_user = 1}}};
  relay.client("192.0.2.1:1", "alice").allocate();
  relay.passes(60s);
  EXPECT_EQ(relay.client("192.0.2.1:2", "alice").allocate().error(), 486);
}

TEST(SilentAllocation, OnAnotherShardIsAskedFor) {
  TestRelay relay{{.quota = {.allocations_per_user = 1}, .shards = 3}};
  relay.client("192.0.2.1:1", "alice", 2).allocate();
  relay.passes(31s);
  auto& after = relay.client("192.0.2.9:1", "alice", 0);
  (void)after.allocate();
  EXPECT_TRUE(relay.last_was_deferred());
  relay.shards_answer();
  EXPECT_EQ(after.answer().error(), 0);
  EXPECT_EQ(relay.at(2).allocations(), 0u);
  EXPECT_EQ(relay.at(0).allocations(), 1u);
}

TEST(SilentAllocation, WhereNoShardHasOneTheAnswerIs486AfterAll) {
  TestRelay relay{{.quota = {.allocations_per_user = 2}, .shards = 3}};
  relay.client("192.0.2.1:1", "alice", 1).allocate();
  relay.client("192.0.2.1:2", "alice", 2).allocate();
  auto& after = relay.client("192.0.2.9:1", "alice", 0);
  (void)after.allocate();
  EXPECT_EQ(relay.questions_between_shards(), 1u) << "one after the other";
  relay.shards_answer();
  EXPECT_EQ(after.answer().error(), 486);
  EXPECT_EQ(relay.at(1).allocations() + relay.at(2).allocations(), 2u);
}

TEST(SilentAllocation, AFullWayToTheOtherShardIsA486) {
  TestRelay relay{{.quota = {.allocations_per_user = 1}, .shards = 2}};
  relay.client("192.0.2.1:1", "alice", 1).allocate();
  relay.passes(31s);
  relay.others(0).fill_up(true);
  EXPECT_EQ(relay.client("192.0.2.9:1", "alice", 0).allocate().error(), 486);
}

// Any order of allocations, endings, silence and answers between shards: never more than the limit,
// no request without an end, nothing left (TestRelay's laws).
TEST(QuotaRaces, AcrossShardsNeverExceedTheLimit) {
  for (uint32_t seed = 1; seed <= 20; ++seed) {
    std::mt19937 dice{seed};
    TestRelay relay{{.quota = {.allocations = 9, .allocations_per_user = 3}, .shards = 4}};
    for (int step = 0; step < 300; ++step) {
      const std::string user = dice() % 2 ? "alice" : "bob";
      const auto shard = static_cast<uint8_t>(dice() % 4);
      auto& client =
          relay.client("192.0.2." + std::to_string(1 + shard) + ":" +
                           std::to_string(1'000 + dice() % 5 + (user == "bob" ? 100 : 0)),
                       user, shard);
      switch (dice() % 5) {
        case 0:
        case 1:
          (void)client.request(Method::allocate,
                               [](MessageBuilder& m) { m.add_requested_transport(17); });
          break;
        case 2:
          (void)client.refresh(0);
          break;
        case 3:
          relay.passes(std::chrono::seconds(dice() % 20));
          break;
        default:
          relay.shards_answer();
          break;
      }
      while (!client.hears_nothing()) (void)client.received();
      EXPECT_LE(relay.quota.held_by("alice", "example.org"), 3u) << "seed " << seed;
      EXPECT_LE(relay.quota.held_by("bob", "example.org"), 3u) << "seed " << seed;
    }
  }
}

TEST(Bandwidth, IsShapedByDropsInBothDirections) {
  TestRelay relay{{.quota = {.bandwidth_per_allocation = 100'000}}};
  auto& alice = relay.client("192.0.2.1:4000", "alice");
  alice.allocate();
  alice.bind_channel(0x4000, "198.51.100.7:5000");
  const std::string packet(1'000, 'x');
  int to_peer = 0;
  int to_client = 0;
  for (int i = 0; i < 2'000; ++i) {  // 2 MB in ten seconds, at 1 MB a second
    relay.passes(5ms);
    alice.channel_data(0x4000, packet);
    if (!relay.peers_hear_nothing()) {
      (void)relay.sent_to_peer();
      ++to_peer;
    }
    relay.datagram_from_peer("198.51.100.7:5000", packet);
    if (!alice.hears_nothing()) {
      (void)alice.received();
      ++to_client;
    }
  }
  EXPECT_NEAR(to_peer, 1'065, 20);  // ten seconds' worth, and what may pass at once
  EXPECT_NEAR(to_client, 1'065, 20);
  const auto drops =
      relay.counters().bandwidth_drops[static_cast<size_t>(BandwidthLimit::allocation)];
  EXPECT_EQ(drops, 4'000u - static_cast<uint64_t>(to_peer + to_client));
}

TEST(Bandwidth, OfSendIndicationsCountsToo) {
  TestRelay relay{{.quota = {.bandwidth_per_user = 1'000}}};
  auto& alice = relay.client("192.0.2.1:4000", "alice");
  alice.allocate();
  alice.create_permission("198.51.100.7:5000");
  const std::string packet(50'000, 'x');
  alice.send("198.51.100.7:5000", packet);
  (void)relay.sent_to_peer();
  alice.send("198.51.100.7:5000", packet);
  EXPECT_EQ(relay.last_drop(), DropReason::bandwidth);
  EXPECT_TRUE(relay.peers_hear_nothing());
}

TEST(BandwidthReload, BindsAllocationsThatRunAndLetsThemGo) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000", "alice");
  alice.allocate();
  alice.bind_channel(0x4000, "198.51.100.7:5000");
  const std::string packet(10'000, 'x');
  const auto heard_of_20 = [&] {
    int heard = 0;
    for (int i = 0; i < 20; ++i) alice.channel_data(0x4000, packet);
    for (; !relay.peers_hear_nothing(); ++heard) (void)relay.sent_to_peer();
    return heard;
  };
  EXPECT_EQ(heard_of_20(), 20);
  relay.quota.set_limits({.bandwidth_per_user = 1'000});
  relay.at().reload({});
  EXPECT_EQ(heard_of_20(), 6) << "what may pass at once";
  EXPECT_EQ(heard_of_20(), 0);
  relay.quota.set_limits({});
  relay.at().reload({});
  EXPECT_EQ(heard_of_20(), 20);
}

TEST(BandwidthReload, BindsAllocationsThatHaveRelayedNothingYet) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000", "alice");
  alice.allocate();
  alice.bind_channel(0x4000, "198.51.100.7:5000");
  relay.quota.set_limits({.bandwidth_per_user = 1'000});
  relay.at().reload({});
  int heard = 0;
  for (int i = 0; i < 20; ++i) alice.channel_data(0x4000, std::string(10'000, 'x'));
  for (; !relay.peers_hear_nothing(); ++heard) (void)relay.sent_to_peer();
  EXPECT_EQ(heard, 6) << "what may pass at once";
}

TEST(UsedAllocation, IsNoticedOnceByItsFirstDatagramEvenAnEmptyOne) {
  for (const bool is_limited : {false, true}) {
    TestRelay relay{{.quota = {.bandwidth_per_user = is_limited ? 1'000u : 0u}}};
    auto& alice = relay.client("192.0.2.1:4000", "alice");
    alice.allocate();
    alice.bind_channel(0x4000, "198.51.100.7:5000");
    EXPECT_EQ(relay.counters().allocations_used, 0u);
    relay.datagram_from_peer("198.51.100.7:5000", "");
    EXPECT_EQ(relay.counters().allocations_used, 1u);
    relay.datagram_from_peer("198.51.100.7:5000", "something");
    alice.channel_data(0x4000, "something");
    EXPECT_EQ(relay.counters().allocations_used, 1u);
  }
}

TEST(UsedAllocation, IsNoneWhoseOnlyDatagramWasRefused) {
  TestRelay relay{{.quota = {.bandwidth_per_user = 1'000}}};
  auto& alice = relay.client("192.0.2.1:4000", "alice");
  alice.allocate();
  auto& other = relay.client("192.0.2.1:4001", "alice");
  other.allocate();
  other.bind_channel(0x4000, "198.51.100.7:5000");
  alice.bind_channel(0x4000, "198.51.100.7:5000");
  for (int i = 0; i < 20; ++i) other.channel_data(0x4000, std::string(10'000, 'x'));
  EXPECT_EQ(relay.last_drop(), DropReason::bandwidth);
  alice.channel_data(0x4000, std::string(10'000, 'x'));
  EXPECT_EQ(relay.last_drop(), DropReason::bandwidth);
  EXPECT_EQ(relay.counters().allocations_used, 1u);
  relay.passes(10s);
  alice.channel_data(0x4000, "something");
  EXPECT_EQ(relay.last_drop(), std::nullopt);
  EXPECT_EQ(relay.counters().allocations_used, 2u);
}

// RFC 6062: what a connection may read. TestRelay has no bytes, only their number.
class JoinedCredit : public testing::Test {
 protected:
  static constexpr auto kPeer = "198.51.100.7:80";
  JoinedCredit() {
    alice.allocate_tcp();
    alice.connect(kPeer);
    relay.peer_accepts(kPeer);
    id = alice.answer().connection();
    relay.stream_client("192.0.2.1:4001").bind_connection(id);
  }
  size_t wanted(bool waits = false) {
    return relay.at().on_credit_wanted(id, Towards::peer, waits, relay.now);
  }
  size_t joined(size_t bytes, int64_t left) {
    return relay.at().on_bytes_joined(id, Towards::peer, bytes, left, relay.now);
  }
  uint64_t waits() {
    return relay.counters().bandwidth_drops[static_cast<size_t>(BandwidthLimit::allocation)];
  }
  TestRelay relay{{.quota = {.bandwidth_per_allocation = 10'000}, .relays_tcp = true}};
  TestClient& alice = relay.stream_client("192.0.2.1:4000");
  ConnectionId id;
};

TEST_F(JoinedCredit, IsTheRatesAndAWaitIsCountedOnce) {
  size_t given = 0;
  while (const size_t more = wanted()) given += more;
  EXPECT_NEAR(given, 65'536, 2);
  EXPECT_EQ(wanted(true), 0u);
  EXPECT_EQ(waits(), 1u);
  relay.passes(1s);
  EXPECT_NEAR(wanted(true), 10'000, 2);
  EXPECT_EQ(relay.at().on_credit_wanted({id.value ^ 1}, Towards::peer, false, relay.now), 0u);
}

TEST_F(JoinedCredit, ThatIsLeftIsOthers) {
  size_t given = 0;
  while (const size_t more = wanted()) given += more;
  EXPECT_EQ(joined(given - 3'000, 3'000), 0u) << "nothing is kept";
  EXPECT_NEAR(wanted(), 3'000, 2);
}

TEST_F(JoinedCredit, ThatWasExceededIsOwed) {
  EXPECT_EQ(joined(100'000, -100'000), 0u);
  int rounds = 0;
  for (; wanted(true) == 0; ++rounds) relay.passes(20ms);
  EXPECT_NEAR(rounds, (100'000 - 65'536) / 200, 10);
}

TEST_F(JoinedCredit, WithoutALimitIsKept) {
  relay.quota.set_limits({});
  relay.at().reload({});
  const size_t given = wanted();
  EXPECT_EQ(given, 65'536u);
  EXPECT_EQ(joined(1'000, static_cast<int64_t>(given) - 1'000), given - 1'000);
  relay.quota.set_limits({.bandwidth = 10'000});
  relay.at().reload({});
  EXPECT_EQ(joined(1'000, static_cast<int64_t>(given) - 2'000), 0u) << "until there is one";
}

TEST(CredentialClassOnTheWire, SpentBytesEndTheAllocation) {
  TestRelay relay{{.quota = {.classes = {{"guest", {.bytes = 10'000, .every = 3'600s}}}},
                   .rest_secrets = {"north"},
                   .rest_classes = {"guest"}}};
  auto& erin = relay.client("192.0.2.1:4000", "1800009000:erin");
  erin.has_password(rest_password("north", "1800009000:erin"));
  erin.allocate();
  erin.bind_channel(0x4000, "198.51.100.7:5000");
  for (int i = 0; i < 20; ++i) erin.channel_data(0x4000, std::string(1'000, 'x'));
  int heard = 0;
  for (; !relay.peers_hear_nothing(); ++heard) (void)relay.sent_to_peer();
  EXPECT_EQ(heard, 10);
  relay.passes(1s);
  EXPECT_EQ(relay.observer.ended, (std::vector{EndReason::cut_off}));
  EXPECT_EQ(erin.allocate().error(), 486);
  EXPECT_EQ(relay.counters().quota_refused[static_cast<size_t>(QuotaLimit::spent)], 1u);
}

TEST(CredentialClassOnTheWire, TimeCutsLifetimesAndCannotBeRefreshed) {
  TestRelay relay{{.quota = {.classes = {{"guest", {.time = 90s}}}},
                   .rest_secrets = {"north"},
                   .rest_classes = {"guest"}}};
  auto& erin = relay.client("192.0.2.1:4000", "1800009000:erin");
  erin.has_password(rest_password("north", "1800009000:erin"));
  EXPECT_EQ(erin.allocate().lifetime(), 90u);
  relay.passes(60s);
  EXPECT_EQ(erin.refresh(3'600).lifetime(), 30u);
  relay.passes(30s);
  EXPECT_EQ(erin.refresh(600).error(), 437);
  EXPECT_EQ(relay.observer.ended, (std::vector{EndReason::cut_off}));
}

TEST(CredentialExpiry, EndsARunningAllocationOnlyWhereSaid) {
  for (const bool ends : {false, true}) {
    TestRelay relay{{.relay = {.limits = {}, .ends_at_expiry = ends}, .rest_secrets = {"north"}}};
    auto& erin = relay.client("192.0.2.1:4000", "1800000300:erin");
    erin.has_password(rest_password("north", "1800000300:erin"));
    EXPECT_EQ(erin.allocate().lifetime(), ends ? 300u : 600u);
    relay.passes(299s);
    EXPECT_EQ(erin.refresh(600).lifetime(), ends ? 1u : 600u);
    relay.passes(2s);
    EXPECT_EQ(erin.refresh(600).error(), ends ? 401 : 0);
  }
}

// RFC 7635, Section 9.
TEST(TokenAllocation, LivesNoLongerThanItsToken) {
  TestRelay relay{{.takes_tokens = true}};
  auto& frank = relay.client("192.0.2.1:4000", "kid");
  frank.has_token(400s);
  EXPECT_EQ(frank.allocate().lifetime(), 405u);
  relay.passes(100s);
  frank.has_no_token();  // and goes on by the session key
  EXPECT_EQ(frank.refresh(3'600).lifetime(), 305u);
  frank.has_token(1'000s);  // a new one goes on where the old one ends
  EXPECT_EQ(frank.refresh(3'600).lifetime(), 1'005u);
  relay.passes(1'006s);
  EXPECT_EQ(relay.observer.ended, (std::vector{EndReason::cut_off}));
}

TEST(TokenAllocation, IsNotRefreshedByAFirstPartyUserNorTheOtherWayRound) {
  TestRelay relay{{.takes_tokens = true}};
  auto& frank = relay.client("192.0.2.1:4000", "kid");
  frank.has_token(400s);
  frank.allocate();
  EXPECT_EQ(relay.client("192.0.2.1:4000", "alice").refresh(600).error(), 441);
  auto& bob = relay.client("192.0.2.7:4000", "bob");
  bob.allocate();
  auto& other = relay.client("192.0.2.7:4000", "kid");
  other.has_token(400s);
  EXPECT_EQ(other.refresh(600).error(), 441);
}

}  // namespace
}  // namespace uturn
