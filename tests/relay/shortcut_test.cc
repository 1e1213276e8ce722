// Two clients that both relay here: each conversation is the same by every way between them.
#include "protocol/data_indication.h"
#include "tests/relay/test_relay.h"

namespace uturn {
namespace {

enum class Way : uint8_t {
  kernel,       ///< relay.shortcut is off
  here,         ///< both on one shard
  across,       ///< on two
  across_full,  ///< on two, and the ring between them takes nothing
};

class Shortcuts : public testing::TestWithParam<Way> {
 protected:
  TestSettings settings(TestSettings wanted = {}) const {
    wanted.relay.shortcut = GetParam() != Way::kernel;
    wanted.shards = GetParam() == Way::across || GetParam() == Way::across_full ? 2 : 1;
    return wanted;
  }
  /// `relay` with alice, and with bob on the last shard.
  struct Two {
    explicit Two(const TestSettings& settings, bool is_full)
        : relay(settings),
          alice(relay.client("192.0.2.1:4000", "alice", 0)),
          bob(relay.client("192.0.2.2:4000", "bob", static_cast<uint8_t>(settings.shards - 1))) {
      relay.shortcuts_are_full = is_full;
      alice.allocate();
      bob.allocate();
    }
    TestRelay relay;
    TestClient& alice;
    TestClient& bob;
    std::string at_alice() const { return alice.relayed.to_string(); }
    std::string at_bob() const { return bob.relayed.to_string(); }
    void permit_both() {
      alice.create_permission(at_bob());
      bob.create_permission(at_alice());
    }
    void bind_both() {
      alice.bind_channel(0x4000, at_bob());
      bob.bind_channel(0x4001, at_alice());
    }
  };
  std::unique_ptr<Two> two(TestSettings wanted = {}) const {
    return std::make_unique<Two>(settings(std::move(wanted)), GetParam() == Way::across_full);
  }
  bool is_short() const { return GetParam() == Way::here || GetParam() == Way::across; }
};

std::string name_of(const testing::TestParamInfo<Way>& info) {
  constexpr const char* kNames[] = {"Kernel", "Here", "Across", "AcrossFull"};
  return kNames[static_cast<size_t>(info.param)];
}

INSTANTIATE_TEST_SUITE_P(EveryWay, Shortcuts,
                         testing::Values(Way::kernel, Way::here, Way::across, Way::across_full),
                         name_of);

TEST_P(Shortcuts, ChannelsBothWays) {
  const auto world = two();
  world->bind_both();
  world->alice.channel_data(0x4000, "hello");
  EXPECT_EQ(world->bob.received(), channel_data(0x4001, "hello"));
  world->bob.channel_data(0x4001, "hi");
  EXPECT_EQ(world->alice.received(), channel_data(0x4000, "hi"));
  EXPECT_EQ(world->relay.through_the_kernel, is_short() ? 0u : 2u);
}

TEST_P(Shortcuts, IndicationsBothWays) {
  const auto world = two();
  world->permit_both();
  world->alice.send(world->at_bob(), "hello");
  const Message heard = world->bob.answer();
  EXPECT_EQ(heard.peer(), world->alice.relayed);
  EXPECT_EQ(heard.data(), "hello");
  world->bob.send(world->at_alice(), "hi");
  const Message answer = world->alice.answer();
  EXPECT_EQ(answer.peer(), world->bob.relayed);
  EXPECT_EQ(answer.data(), "hi");
  EXPECT_EQ(world->relay.through_the_kernel, is_short() ? 0u : 2u);
}

// A Data indication's header is longer than the channel's that it replaces, and the other way
// round.
TEST_P(Shortcuts, ChannelAtOneEndAndIndicationsAtTheOther) {
  const auto world = two();
  world->alice.bind_channel(0x4000, world->at_bob());
  world->bob.create_permission(world->at_alice());
  for (const std::string data : {"", "1", "12", "123", "1234", "12345"}) {
    world->alice.channel_data(0x4000, data);
    const Message heard = world->bob.answer();
    EXPECT_EQ(heard.peer(), world->alice.relayed);
    EXPECT_EQ(heard.data(), data);
    world->bob.send(world->at_alice(), data);
    EXPECT_EQ(world->alice.received(), channel_data(0x4000, data));
  }
}

TEST_P(Shortcuts, DataInFrontOfThePeerIsRelayedAllTheSame) {
  const auto world = two();
  world->permit_both();
  std::vector<uint8_t> bytes(200);
  MessageBuilder builder(bytes, Method::send, MessageClass::indication, {});
  builder.add_text(AttributeType::data, "first");
  builder.add_xor_address(AttributeType::xor_peer_address, world->bob.relayed);
  bytes.resize(builder.finish().size());
  world->alice.datagram(bytes);
  EXPECT_EQ(world->bob.answer().data(), "first");
}

TEST_P(Shortcuts, WithoutThePermissionOfTheReceiverNothingArrives) {
  const auto world = two();
  world->alice.bind_channel(0x4000, world->at_bob());
  world->alice.channel_data(0x4000, "uninvited");
  EXPECT_EQ(world->relay.last_drop(), DropReason::no_permission);
  EXPECT_TRUE(world->bob.hears_nothing());
  const uint8_t shard = world->bob.shard();
  EXPECT_EQ(world->relay.counters(shard).drops_of(DropReason::no_permission), 1u);
}

TEST_P(Shortcuts, APermissionThatHasExpiredCountsNoMore) {
  const auto world = two();
  world->bob.create_permission(world->at_alice());
  world->relay.passes(200s);
  world->alice.create_permission(world->at_bob());
  world->relay.passes_unswept(101s);
  world->alice.send(world->at_bob(), "late");
  EXPECT_EQ(world->relay.last_drop(), DropReason::no_permission);
}

TEST_P(Shortcuts, AnAllocationThatHasExpiredHearsNothingEvenWhereTheSweepIsLate) {
  const auto world = two();
  world->relay.passes(500s);
  world->alice.refresh();
  world->permit_both();
  world->relay.passes_unswept(101s);
  world->alice.send(world->at_bob(), "late");
  EXPECT_EQ(world->relay.last_drop(), DropReason::no_allocation);
  EXPECT_TRUE(world->bob.hears_nothing());
}

TEST_P(Shortcuts, APortThatIsNotHeldAnyMoreIsThePolicysBusiness) {
  const auto world = two({.allow = {}, .deny = {"203.0.113.0/24"}});
  world->permit_both();
  world->bob.refresh(0);
  world->alice.send(world->at_bob(), "to nobody");
  EXPECT_EQ(world->relay.last_drop(), DropReason::peer_forbidden);
}

TEST_P(Shortcuts, APortThatIsOnlyReservedHasNobodyToHear) {
  const auto world = two();
  auto& carol = world->relay.client("192.0.2.3:4000", "alice", 0);
  ASSERT_TRUE(carol.allocate([](auto& m) { m.add_even_port(true); }).is_success());
  const TransportAddress reserved{carol.relayed.ip, static_cast<uint16_t>(carol.relayed.port + 1),
                                  0};
  world->alice.create_permission(reserved.to_string());
  world->alice.send(reserved.to_string(), "too early");
  EXPECT_EQ(world->relay.sent_to_peer().to, reserved) << "the kernel's business";
}

// A reserved port changes shards with its token, and is then found where it went.
TEST_P(Shortcuts, ARedeemedPortIsReachedAtItsNewAllocation) {
  const auto world = two();
  auto& first = world->relay.client("192.0.2.3:4000", "alice", 0);
  const auto token = first.allocate([](auto& m) { m.add_even_port(true); }).token();
  ASSERT_TRUE(token);
  auto& second = world->relay.client("192.0.2.4:4000", "alice", world->bob.shard());
  Message answer =
      second.allocate([&](auto& m) { m.add_u64(AttributeType::reservation_token, *token); });
  world->relay.shards_answer();
  if (answer.is_none()) answer = second.answer();
  const TransportAddress redeemed = answer.relayed();
  world->alice.bind_channel(0x4000, redeemed.to_string());
  second.create_permission(world->at_alice());
  world->alice.channel_data(0x4000, "hello");
  EXPECT_EQ(second.answer().data(), "hello");
  EXPECT_EQ(world->relay.through_the_kernel, is_short() ? 0u : 1u);
}

TEST_P(Shortcuts, AClientMayBeItsOwnPeer) {
  const auto world = two();
  world->alice.bind_channel(0x4000, world->at_alice());
  world->alice.channel_data(0x4000, "echo");
  EXPECT_EQ(world->alice.received(), channel_data(0x4000, "echo"));
  world->alice.send(world->at_alice(), "and again");
  EXPECT_EQ(world->alice.received(), channel_data(0x4000, "and again"));
}

TEST_P(Shortcuts, IPv6RelayedAddressesToo) {
  const auto world = two();
  const auto ipv6 = [](auto& m) {
    m.add_family(AttributeType::requested_address_family, AddressFamily::ipv6);
  };
  for (TestClient* client : {&world->alice, &world->bob}) {
    client->refresh(0);
    ASSERT_TRUE(client->allocate(ipv6).is_success());
  }
  world->alice.bind_channel(0x4000, world->at_bob());
  world->bob.create_permission(world->at_alice());
  world->alice.channel_data(0x4000, "six");
  const Message heard = world->bob.answer();
  EXPECT_EQ(heard.peer(), world->alice.relayed);
  EXPECT_EQ(heard.data(), "six");
}

TEST_P(Shortcuts, BetweenTwoRelayAddresses) {
  TestSettings wanted;
  wanted.relay_addresses = {"203.0.113.10", "203.0.113.11"};
  wanted.ports = {50'000, 50'000};  // one port each
  const auto world = two(wanted);
  ASSERT_NE(world->alice.relayed.ip, world->bob.relayed.ip);
  world->bind_both();
  world->alice.channel_data(0x4000, "over there");
  EXPECT_EQ(world->bob.received(), channel_data(0x4001, "over there"));
}

TEST_P(Shortcuts, ExternalAddressesAreShownOutward) {
  TestSettings wanted;
  wanted.relay_addresses = {"10.0.0.5"};
  wanted.relay.external = ExternalAddresses({{ip_at("198.51.100.99"), ip_at("10.0.0.5")}});
  const auto world = two(wanted);
  ASSERT_EQ(world->alice.relayed.ip, ip_at("198.51.100.99"));
  world->permit_both();
  world->alice.send(world->at_bob(), "hairpin");
  EXPECT_EQ(world->bob.answer().peer(), world->alice.relayed);
  EXPECT_EQ(world->relay.through_the_kernel, is_short() ? 0u : 1u);
}

TEST_P(Shortcuts, DscpAndEcnStayAndTwoHopsAreTaken) {
  const auto world = two();
  world->bind_both();
  world->alice.marks(46, 1, 64);
  world->alice.channel_data(0x4000, "marked");
  EXPECT_EQ(world->bob.received(), channel_data(0x4001, "marked"));
  EXPECT_EQ(world->bob.last_ip().dscp, 46);
  EXPECT_EQ(world->bob.last_ip().ecn, 1);
  EXPECT_EQ(world->bob.last_ip().ttl, 62);
}

TEST_P(Shortcuts, TheTtlExpiresAtTheFirstRelayOrAtTheSecond) {
  const auto world = two();
  world->bind_both();
  const auto drops = [&](const TestClient& client) {
    return world->relay.counters(client.shard()).drops_of(DropReason::ttl_expired);
  };
  world->alice.marks(0, 0, 1);
  world->alice.channel_data(0x4000, "one");
  EXPECT_EQ(world->relay.last_drop(), DropReason::ttl_expired);
  EXPECT_EQ(world->relay.counters().forwards, 0u);
  world->alice.marks(0, 0, 2);
  world->alice.channel_data(0x4000, "two");
  EXPECT_EQ(world->relay.last_drop(), DropReason::ttl_expired);
  EXPECT_EQ(world->relay.counters().forwards, 1u) << "the sender's relay has done its part";
  EXPECT_GE(drops(world->bob), 1u);
  world->alice.marks(0, 0, 3);
  world->alice.channel_data(0x4000, "three");
  EXPECT_EQ(world->bob.received(), channel_data(0x4001, "three"));
  EXPECT_EQ(world->bob.last_ip().ttl, 1);
}

TEST_P(Shortcuts, DontFragmentIsTheKernelsToKeep) {
  const auto world = two();
  world->permit_both();
  world->alice.send(world->at_bob(), "whole",
                    [](auto& m) { m.add_flag(AttributeType::dont_fragment); });
  EXPECT_EQ(world->bob.answer().data(), "whole");
  EXPECT_EQ(world->relay.through_the_kernel, 1u);
}

TEST_P(Shortcuts, WhatIsTooLongForAnIndicationIsDroppedAtTheReceiver) {
  const auto world = two();
  world->alice.bind_channel(0x4000, world->at_bob());
  world->bob.create_permission(world->at_alice());
  const std::string longest(kMaxIndicatedPayload, 'x');
  world->alice.channel_data(0x4000, longest);
  EXPECT_EQ(world->bob.answer().data(), longest);
  world->alice.channel_data(0x4000, longest + 'x');
  EXPECT_EQ(world->relay.last_drop(), DropReason::too_long);
}

TEST_P(Shortcuts, BothRelaysCountAsTheyDoThroughTheKernel) {
  const auto world = two();
  world->bind_both();
  for (int i = 0; i < 5; ++i) world->alice.channel_data(0x4000, "four");
  const RelayCounters a = world->relay.counters(world->alice.shard());
  const RelayCounters b = world->relay.counters(world->bob.shard());
  EXPECT_EQ(a.to_peers, 5u);
  EXPECT_EQ(a.bytes_to_peers, 20u);
  EXPECT_EQ(b.to_clients, 5u);
  EXPECT_EQ(b.bytes_to_clients, 20u);
  EXPECT_EQ(a.shortcuts_here, GetParam() == Way::here ? 5u : 0u);
  EXPECT_EQ(a.shortcuts_away, world->relay.counters().shortcuts_away);
  EXPECT_EQ(b.shortcuts_in, is_short() ? 5u : 0u);
}

TEST(ShortcutRequests, AskForAWayToTheOtherShardOnceThePeerIsKnown) {
  TestRelay relay({.shards = 3});
  auto& alice = relay.client("192.0.2.1:4000", "alice", 0);
  auto& bob = relay.client("192.0.2.2:4000", "bob", 1);
  auto& carol = relay.client("192.0.2.3:4000", "alice", 2);
  alice.allocate();
  bob.allocate();
  carol.allocate();
  alice.create_permission("198.51.100.7:5000");
  alice.create_permission(alice.relayed.to_string());
  EXPECT_TRUE(relay.others(0).expected_shortcuts().empty());
  alice.create_permission(bob.relayed.to_string());
  EXPECT_EQ(relay.others(0).expected_shortcuts(), std::set<uint8_t>{1});
  alice.bind_channel(0x4000, carol.relayed.to_string());
  EXPECT_EQ(relay.others(0).expected_shortcuts(), (std::set<uint8_t>{1, 2}));
  EXPECT_TRUE(relay.others(1).expected_shortcuts().empty());
  bob.create_permission("203.0.113.10:0");
  EXPECT_EQ(relay.others(1).expected_shortcuts(), (std::set<uint8_t>{0, 2})) << "any port";
}

TEST(ShortcutRequests, AskForNothingWhereTheOperatorWantsTheKernel) {
  TestSettings settings{.shards = 2};
  settings.relay.shortcut = false;
  TestRelay relay(settings);
  auto& alice = relay.client("192.0.2.1:4000", "alice", 0);
  auto& bob = relay.client("192.0.2.2:4000", "bob", 1);
  alice.allocate();
  bob.allocate();
  alice.bind_channel(0x4000, bob.relayed.to_string());
  EXPECT_TRUE(relay.others(0).expected_shortcuts().empty());
}

// The other shard decides when it comes, not when it was sent.
TEST(ShortcutAcrossShards, ThatComesLateMeetsWhoeverHoldsThePortThen) {
  TestRelay relay({.relay_addresses = {"203.0.113.10"}, .ports = {50'000, 50'001}, .shards = 2});
  auto& alice = relay.client("192.0.2.1:4000", "alice", 0);
  auto& bob = relay.client("192.0.2.2:4000", "bob", 1);
  alice.allocate();
  bob.allocate();
  bob.create_permission(alice.relayed.to_string());
  std::array<uint8_t, kHeadroom + 4> block{};
  const Packet packet({block.data(), kHeadroom}, {&block[kHeadroom], 4});
  const PeerAddress from = peer_address(alice.relayed);
  const PeerAddress to = peer_address(bob.relayed);
  const auto drop_at = [&](uint8_t shard) {
    const Outcome outcome = relay.at(shard).on_shortcut(from, to, {}, packet, relay.now);
    const auto* drop = std::get_if<Drop>(&outcome);
    return drop ? std::optional{drop->why} : std::nullopt;
  };
  EXPECT_EQ(drop_at(1), std::nullopt);
  EXPECT_EQ(drop_at(0), DropReason::no_allocation) << "another shard holds it";
  bob.refresh(0);
  EXPECT_EQ(drop_at(1), DropReason::no_allocation) << "nobody holds it";
  auto& carol = relay.client("192.0.2.3:4000", "bob", 1);
  carol.allocate();
  ASSERT_EQ(carol.relayed, bob.relayed) << "the only port that is left";
  EXPECT_EQ(drop_at(1), DropReason::no_permission) << "the new holder invited nobody";
}

TEST(PortOwners, AreNamedByTheHolderAndForgottenWithThePort) {
  HeldPorts held({ip_at("203.0.113.10"), ip_at("2001:db8:feed::10")});
  const TransportAddress port = address("[2001:db8:feed::10]:65535");
  EXPECT_FALSE(held.owner_of(port));
  held.set(port, true);
  EXPECT_FALSE(held.owner_of(port)) << "reserved";
  const PortOwner owner{63, {(1u << 27) - 1, kMaxGeneration}};
  held.name_owner(port, owner);
  ASSERT_TRUE(held.owner_of(port));
  EXPECT_EQ(held.owner_of(port)->shard, owner.shard);
  EXPECT_EQ(held.owner_of(port)->allocation, owner.allocation);
  EXPECT_FALSE(held.owner_of(address("203.0.113.10:65535")));
  EXPECT_FALSE(held.owner_of(address("198.51.100.7:65535"))) << "no relay address";
  held.set(port, false);
  EXPECT_FALSE(held.owner_of(port));
  held.set(port, true);
  held.name_owner(port, {0, {1u << 27, 0}});
  EXPECT_FALSE(held.owner_of(port)) << "beyond what a word can name: the kernel knows it";
  held.set(port, false);
}

}  // namespace
}  // namespace uturn
