// What an operator sees of allocations, and does with them: counts, kicks, drains, reloads.
#include <map>

#include "auth/static_users.h"
#include "tests/auth/test_realm.h"
#include "tests/relay/test_relay.h"

namespace uturn {
namespace {

const Allocation& only_allocation(Relay& relay) {
  const Allocation* found = nullptr;
  relay.visit_allocations(0, UINT32_MAX, [&](const Allocation& one) { found = &one; });
  CHECK(found != nullptr);
  return *found;
}

TEST(Traffic, IsCountedForEachAllocationAndWay) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000");
  alice.allocate();
  alice.create_permission("198.51.100.7:5000");
  alice.send("198.51.100.7:5000", "four");
  relay.sent_to_peer();
  relay.datagram_from_peer("198.51.100.7:5000", "seven!!");
  alice.bind_channel(0x4000, "198.51.100.7:5000");
  alice.channel_data(0x4000, "by channel");
  relay.sent_to_peer();
  relay.datagram_from_peer("198.51.100.7:5000", "back");
  alice.channel_data(0x4001, "to nobody");
  relay.datagram_from_peer("198.51.100.8:5000", "from a stranger");

  const Traffic& traffic = only_allocation(relay.at()).traffic;
  EXPECT_EQ(traffic.packets_to_peers, 2u);
  EXPECT_EQ(traffic.bytes_to_peers, 14u);
  EXPECT_EQ(traffic.packets_to_client, 2u);
  EXPECT_EQ(traffic.bytes_to_client, 11u);
}

TEST(Traffic, BothEndsOfAShortcutCountIt) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000", "alice");
  auto& bob = relay.client("192.0.2.2:4000", "bob");
  alice.allocate();
  bob.allocate();
  alice.create_permission(bob.relayed.to_string());
  bob.create_permission(alice.relayed.to_string());
  alice.send(bob.relayed.to_string(), "hello");
  EXPECT_EQ(bob.answer().data(), "hello");
  std::map<std::string, Traffic> by_user;
  relay.at().visit_allocations(
      0, UINT32_MAX, [&](const Allocation& one) { by_user[one.identity.username] = one.traffic; });
  EXPECT_EQ(by_user["alice"].bytes_to_peers, 5u);
  EXPECT_EQ(by_user["bob"].bytes_to_client, 5u);
}

TEST(Traffic, SaysWhenEachEndWasLastHeard) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000");
  alice.allocate();
  const Instant made = relay.now.monotonic;
  const Allocation& allocation = only_allocation(relay.at());
  EXPECT_EQ(allocation.created_at, made);
  EXPECT_EQ(allocation.traffic.client_heard_at, made);
  relay.passes(10s);
  alice.create_permission("198.51.100.7:5000");
  EXPECT_EQ(allocation.traffic.client_heard_at, made + 10s);
  relay.passes(10s);
  relay.datagram_from_peer("198.51.100.7:5000", "data");
  alice.received();
  EXPECT_EQ(allocation.traffic.client_heard_at, made + 10s);
  EXPECT_EQ(allocation.traffic.last_heard_at(), made + 20s);
  relay.passes(10s);
  alice.send("198.51.100.7:5000", "data");
  relay.sent_to_peer();
  EXPECT_EQ(allocation.traffic.client_heard_at, made + 30s);

  // Nobody but the allocation's user keeps it from being idle.
  relay.passes(10s);
  relay.client("192.0.2.1:4000", "bob").refresh();
  EXPECT_EQ(allocation.traffic.client_heard_at, made + 30s);
}

TEST(Visit, MeetsEveryAllocationOnceInBoundedSteps) {
  TestRelay relay({.ports = {50'000, 50'999}});
  for (int i = 0; i < 300; ++i) {
    relay.client("192.0.2.1:" + std::to_string(4'000 + i)).allocate();
  }
  std::map<uint16_t, int> met;
  std::optional<uint32_t> at = 0;
  int steps = 0;
  while (at) {
    size_t in_step = 0;
    at = relay.at().visit_allocations(*at, 64, [&](const Allocation& one) {
      ++met[one.five_tuple.client.port];
      ++in_step;
    });
    EXPECT_LE(in_step, 64u);
    ++steps;
  }
  EXPECT_EQ(met.size(), 300u);
  for (const auto& [port, times] : met) EXPECT_EQ(times, 1) << port;
  EXPECT_EQ(steps, 8) << "two chunks of 256 slots";
  EXPECT_FALSE(relay.at().visit_allocations(UINT32_MAX, 64, [](const Allocation&) {}));
}

TEST(Kick, EndsAnAllocationAtOnce) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000");
  alice.allocate();
  alice.bind_channel(0x4000, "198.51.100.7:5000");
  const AllocationId id = only_allocation(relay.at()).id;
  EXPECT_TRUE(relay.at().kick(id));
  EXPECT_EQ(relay.at().allocations(), 0u);
  EXPECT_EQ(relay.ports.taken(), 0u);
  EXPECT_EQ(relay.counters().allocations_kicked, 1u);
  EXPECT_EQ(relay.observer.ended, std::vector{EndReason::kicked});
  alice.channel_data(0x4000, "of an earlier life");
  EXPECT_EQ(relay.last_drop(), DropReason::no_allocation);
  EXPECT_EQ(alice.refresh().error(), 437);

  EXPECT_FALSE(relay.at().kick(id)) << "somebody else's life by now, or nobody's";
  alice.allocate();
  EXPECT_FALSE(relay.at().kick(id));
  EXPECT_EQ(relay.at().allocations(), 1u);
}

TEST(Kick, TakesWhatWaitsForAPeerWithIt) {
  TestRelay relay({.relays_tcp = true});
  auto& alice = relay.stream_client("192.0.2.1:4000");
  alice.allocate_tcp();
  alice.connect("198.51.100.7:5000");
  EXPECT_TRUE(relay.last_was_deferred());
  EXPECT_TRUE(relay.at().kick(only_allocation(relay.at()).id));
  EXPECT_EQ(relay.at().tcp_connections(), 0u);
  EXPECT_EQ(relay.at().pending(), 0u);
}

TEST(EndReason, IsToldOncePerAllocation) {
  TestRelay relay;
  relay.client("192.0.2.1:4000").allocate();
  relay.client("192.0.2.1:4000").refresh(0);
  relay.client("192.0.2.2:4000").allocate();
  relay.passes(601s);
  relay.client("192.0.2.3:4000").allocate();
  relay.close_all();
  EXPECT_EQ(relay.observer.ended,
            (std::vector{EndReason::deleted, EndReason::expired, EndReason::stopped}));
}

TEST(Drain, RefusesWhoIsNewAndLetsTheOthersGoOn) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000");
  alice.allocate();
  relay.at().drain();
  EXPECT_EQ(alice.repeat().error(), 0) << "a retransmission is nobody new";
  EXPECT_TRUE(alice.refresh().is_success());
  EXPECT_TRUE(alice.bind_channel(0x4000, "198.51.100.7:5000").is_success());
  alice.channel_data(0x4000, "on it goes");
  EXPECT_EQ(relay.sent_to_peer().data, "on it goes");

  auto& bob = relay.client("192.0.2.2:4000", "bob");
  EXPECT_EQ(bob.allocate().error(), 508);
  EXPECT_TRUE(bob.binding().is_success());
  relay.at().resume();
  EXPECT_TRUE(bob.allocate().is_success());
}

TEST(Drain, NamesAnotherServerOfTheClientsFamilyFirst) {
  TestSettings settings;
  settings.relay.alternates = {address("[2001:db8::5]:3478"), address("198.51.100.5:3478"),
                               address("198.51.100.6:3478")};
  settings.relay.alternate_domain = "turn2.example.org";
  TestRelay relay(settings);
  relay.at().drain();
  const auto answer = relay.client("192.0.2.1:4000").allocate();
  EXPECT_EQ(answer.error(), 300);
  std::vector<std::string> alternates;
  for (const AttributeView attribute : answer.view()) {
    if (attribute.type != AttributeType::alternate_server) continue;
    alternates.push_back(decode_address(attribute.value)->to_string());
  }
  EXPECT_EQ(alternates, (std::vector<std::string>{"198.51.100.5:3478", "[2001:db8::5]:3478"}));
  EXPECT_EQ(answer.text(AttributeType::alternate_domain), "turn2.example.org");
  EXPECT_TRUE(answer.has(AttributeType::message_integrity));
}

TEST(Drain, WithoutAnotherServerOfTheClientsFamilyItIs508) {
  TestSettings settings;
  settings.relay.alternates = {address("[2001:db8::5]:3478")};
  TestRelay relay(settings);
  relay.at().drain();
  EXPECT_EQ(relay.client("192.0.2.1:4000").allocate().error(), 508);
  EXPECT_EQ(relay.client("[2001:db8::1]:4000").allocate().error(), 300);
}

TEST(Drain, AStrangerIsChallengedFirst) {
  TestRelay relay;
  relay.at().drain();
  EXPECT_EQ(relay.client("192.0.2.1:4000").unsigned_request(Method::allocate).error(), 401);
}

TEST(Reload, OtherUsersPeersAndLimitsCountFromThenOnAndCallsGoOn) {
  auto users = std::make_shared<StaticUsers>("example.org");
  users->add_password("bob", "secret of bob");
  const Realms only_bob(
      std::make_shared<const Authenticator>(
          Authenticator::Settings{.realm = "example.org", .nonce = {.keys = {nonce_key(1)}}}, users,
          nullptr, std::vector<std::shared_ptr<UserDirectory>>{}),
      std::make_shared<const PeerPolicy>(
          PeerPolicy::Settings{.allow = {*AddressRange::parse("192.0.2.0/24")}}));
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000", "alice");
  alice.allocate();
  alice.bind_channel(0x4000, "198.51.100.7:5000");

  RelaySettings settings;
  settings.limits.channels_per_allocation = 1;
  settings.software = "other";
  relay.at().reload(settings);
  relay.at().serve(only_bob);

  alice.channel_data(0x4000, "on it goes");
  EXPECT_EQ(relay.sent_to_peer().data, "on it goes");
  EXPECT_EQ(alice.refresh().text(AttributeType::software), "other");
  EXPECT_EQ(alice.create_permission("198.51.100.8:0").error(), 403);
  EXPECT_EQ(alice.bind_channel(0x4001, "192.0.2.9:5000").error(), 508);
  EXPECT_EQ(relay.client("192.0.2.3:4000", "alice").allocate().error(), 401);
  EXPECT_TRUE(relay.client("192.0.2.4:4000", "bob").allocate().is_success());
}

TEST(Reload, AnswersAreBudgetedAnew) {
  TestRelay relay;
  RelaySettings settings;
  settings.limits.answers_burst = 2;
  settings.limits.answers_per_second = 1;
  relay.at().reload(settings);
  auto& alice = relay.client("192.0.2.1:4000");
  EXPECT_FALSE(alice.binding().is_none());
  EXPECT_FALSE(alice.binding().is_none());
  EXPECT_TRUE(alice.binding().is_none());
}

}  // namespace
}  // namespace uturn
