// Own relayed addresses as peers, and external addresses in front of them.
#include "tests/relay/test_relay.h"

namespace uturn {
namespace {

TEST(OwnRelayedAddress, IsAPeerOfAnotherClient) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000", "alice");
  auto& bob = relay.client("192.0.2.2:4000", "bob");
  alice.allocate();
  bob.allocate();
  alice.create_permission(bob.relayed.to_string());
  bob.bind_channel(0x4000, alice.relayed.to_string());
  alice.send(bob.relayed.to_string(), "hello");
  EXPECT_EQ(bob.received(), channel_data(0x4000, "hello"));
  bob.channel_data(0x4000, "hi");
  const Message indication = alice.answer();
  EXPECT_EQ(indication.peer(), bob.relayed);
  EXPECT_EQ(indication.data(), "hi");
}

TEST(OwnRelayedAddress, IsAPeerAcrossShards) {
  TestRelay relay({.shards = 2});
  auto& alice = relay.client("192.0.2.1:4000", "alice", 0);
  auto& bob = relay.client("192.0.2.2:4000", "bob", 1);
  alice.allocate();
  bob.allocate();
  alice.create_permission(bob.relayed.to_string());
  bob.create_permission(alice.relayed.to_string());
  alice.send(bob.relayed.to_string(), "hello");
  EXPECT_EQ(bob.answer().data(), "hello");
}

TEST(OwnRelayedAddress, IsLegalEvenWhereThePolicyDeniesTheAddress) {
  TestRelay relay({.allow = {"198.51.100.0/24"}, .deny = {"203.0.113.0/24"}});
  auto& alice = relay.client("192.0.2.1:4000", "alice");
  auto& bob = relay.client("192.0.2.2:4000", "bob");
  alice.allocate();
  bob.allocate();
  EXPECT_TRUE(alice.create_permission(bob.relayed.to_string()).is_success());
  EXPECT_TRUE(bob.create_permission(alice.relayed.to_string()).is_success());
  alice.send(bob.relayed.to_string(), "held");
  EXPECT_EQ(bob.answer().data(), "held");
  bob.refresh(0);
  alice.send(bob.relayed.to_string(), "not held any more");
  EXPECT_EQ(relay.last_drop(), DropReason::peer_forbidden);
  relay.datagram_from_peer("203.0.113.10:22", "from a port that is not held");
  EXPECT_EQ(relay.last_drop(), DropReason::peer_forbidden);
}

TEST(OwnRelayedAddress, OtherPortsFollowThePolicy) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000");
  alice.allocate();
  alice.create_permission("203.0.113.10:0");
  alice.send("203.0.113.10:8080", "allowed by the table");
  EXPECT_EQ(relay.sent_to_peer().to, address("203.0.113.10:8080"));
  alice.send("203.0.113.10:3478", "to our own listener");
  EXPECT_EQ(relay.last_drop(), DropReason::peer_forbidden);
}

TEST(OwnRelayedAddress, ChannelToAPortThatIsHeldLaterWorksThen) {
  TestRelay relay({.ports = {50'000, 50'001}, .allow = {}, .deny = {"203.0.113.0/24"}});
  auto& alice = relay.client("192.0.2.1:4000", "alice");
  alice.allocate();
  const std::string other =
      alice.relayed.port == 50'000 ? "203.0.113.10:50001" : "203.0.113.10:50000";
  EXPECT_TRUE(alice.bind_channel(0x4000, other).is_success());
  alice.channel_data(0x4000, "too early");
  EXPECT_EQ(relay.last_drop(), DropReason::peer_forbidden);
  auto& bob = relay.client("192.0.2.2:4000", "bob");
  bob.allocate();
  bob.create_permission(alice.relayed.to_string());
  alice.channel_data(0x4000, "hello");
  EXPECT_EQ(bob.answer().data(), "hello");
}

TEST(OwnService, OnAPermittedAddressIsNeverReached) {
  TestRelay relay({.own_services = {"198.51.100.7:9641", "0.0.0.0:3478"}});
  auto& alice = relay.client("192.0.2.1:4000");
  alice.allocate();
  EXPECT_TRUE(alice.create_permission("198.51.100.7:0").is_success());
  alice.send("198.51.100.7:9641", "metrics");
  EXPECT_EQ(relay.last_drop(), DropReason::peer_forbidden);
  EXPECT_EQ(alice.bind_channel(0x4000, "198.51.100.7:9641").error(), 403);
  alice.send("198.51.100.7:9642", "a neighbour");
  EXPECT_EQ(relay.sent_to_peer().data, "a neighbour");
  relay.datagram_from_peer("198.51.100.7:9641", "from metrics");
  EXPECT_EQ(relay.last_drop(), DropReason::peer_forbidden);
}

TestSettings behind_nat() {
  TestSettings settings;
  settings.relay_addresses = {"10.0.0.5", "2001:db8:feed::10"};
  settings.relay.external =
      ExternalAddresses({{ip_at("198.51.100.99"), ip_at("10.0.0.5")},
                         {ip_at("2001:db8:cafe::1"), ip_at("2001:db8:feed::10")}});
  return settings;
}

TEST(ExternalAddress, IsShownAsTheRelayedAddressOfBothFamilies) {
  TestRelay relay(behind_nat());
  auto& alice = relay.client("192.0.2.1:4000");
  const auto relayed =
      alice
          .allocate([](auto& m) {
            m.add_family(AttributeType::additional_address_family, AddressFamily::ipv6);
          })
          .addresses(AttributeType::xor_relayed_address);
  ASSERT_EQ(relayed.size(), 2u);
  EXPECT_EQ(relayed[0].ip, ip_at("198.51.100.99"));
  EXPECT_EQ(relayed[1].ip, ip_at("2001:db8:cafe::1"));
  EXPECT_TRUE(relay.sockets().at({ip_at("10.0.0.5"), relayed[0].port, 0}));
}

TEST(ExternalAddress, NamedAsAPeerIsReachedLocallyAndShownAgain) {
  TestRelay relay(behind_nat());
  auto& alice = relay.client("192.0.2.1:4000", "alice");
  auto& bob = relay.client("192.0.2.2:4000", "bob");
  alice.allocate();
  bob.allocate();
  alice.create_permission(bob.relayed.to_string());
  bob.bind_channel(0x4000, alice.relayed.to_string());
  alice.send(bob.relayed.to_string(), "hairpin");
  EXPECT_EQ(bob.received(), channel_data(0x4000, "hairpin"));
  bob.channel_data(0x4000, "back");
  EXPECT_EQ(alice.answer().peer(), bob.relayed) << "as the world sees it, not 10.0.0.5";
}

TEST(ExternalAddress, OfAPeerInIcmpErrorsIsShownToo) {
  TestRelay relay(behind_nat());
  auto& alice = relay.client("192.0.2.1:4000");
  alice.allocate();
  alice.create_permission("198.51.100.99:0");
  relay.icmp_error("10.0.0.5:50000", {3, 3, 0});
  EXPECT_EQ(alice.answer().peer(), address("198.51.100.99:50000"));
}

TEST(ExternalAddress, OtherPeersAreShownAsTheyAre) {
  TestRelay relay(behind_nat());
  auto& alice = relay.client("192.0.2.1:4000");
  alice.allocate();
  alice.create_permission("198.51.100.7:0");
  relay.datagram_from_peer("198.51.100.7:5000", "hello");
  EXPECT_EQ(alice.answer().peer(), address("198.51.100.7:5000"));
}

TEST(ExternalAddress, SharedByTwoLocalOnesMeansTheOneThatHoldsThePort) {
  const std::vector<IpAddress> locals{ip_at("10.0.0.5"), ip_at("10.0.0.6")};
  HeldPorts held(locals);
  const ExternalAddresses external(
      {{ip_at("198.51.100.99"), locals[0]}, {ip_at("198.51.100.99"), locals[1]}});
  held.set({locals[1], 50'000, 0}, true);
  EXPECT_EQ(external.inward(address("198.51.100.99:50000"), held), address("10.0.0.6:50000"));
  EXPECT_EQ(external.inward(address("198.51.100.99:50001"), held), address("10.0.0.5:50001"));
  EXPECT_EQ(external.inward(address("198.51.100.1:50000"), held), address("198.51.100.1:50000"));
  held.set({locals[1], 50'000, 0}, false);
}

}  // namespace
}  // namespace uturn
