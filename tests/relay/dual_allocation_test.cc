// Dual allocations: ADDITIONAL-ADDRESS-FAMILY and Refresh by family (RFC 8656, Sections 7.2 and 8).
#include "tests/relay/test_relay.h"

namespace uturn {
namespace {

const auto kBoth = [](MessageBuilder& m) {
  m.add_family(AttributeType::additional_address_family, AddressFamily::ipv6);
};
Body refresh_of(AddressFamily family, uint32_t lifetime) {
  return [=](MessageBuilder& m) {
    m.add_family(AttributeType::requested_address_family, family);
    m.add_u32(AttributeType::lifetime, lifetime);
  };
}
AddressErrorValue address_error(const Message& answer) {
  const auto value = answer.view().value(AttributeType::address_error_code);
  return value ? *decode_address_error_code(*value) : AddressErrorValue{};
}

TEST(DualAllocation, HasOneRelayedAddressOfEachFamily) {
  TestRelay relay;
  const Message answer = relay.client("192.0.2.1:4000").allocate(kBoth);
  const auto relayed = answer.addresses(AttributeType::xor_relayed_address);
  ASSERT_EQ(relayed.size(), 2u);
  EXPECT_TRUE(relayed[0].ip.is_v4());
  EXPECT_FALSE(relayed[1].ip.is_v4());
  EXPECT_FALSE(answer.has(AttributeType::address_error_code));
  EXPECT_EQ(relay.at().allocations(), 1u);
  EXPECT_EQ(relay.quota.held(), 1u);
  EXPECT_EQ(relay.ports.taken(), 2u);
}

TEST(DualAllocation, WithoutIpv6RelayAddressSaysSo) {
  TestRelay relay({.relay_addresses = {"203.0.113.10"}});
  const Message answer = relay.client("192.0.2.1:4000").allocate(kBoth);
  ASSERT_TRUE(answer.is_success());
  EXPECT_EQ(answer.addresses(AttributeType::xor_relayed_address).size(), 1u);
  EXPECT_EQ(address_error(answer).family, AddressFamily::ipv6);
  EXPECT_EQ(address_error(answer).code, 440);
}

TEST(DualAllocation, WithoutIpv4RelayAddressSaysSo) {
  TestRelay relay({.relay_addresses = {"2001:db8:feed::10"}});
  const Message answer = relay.client("192.0.2.1:4000").allocate(kBoth);
  ASSERT_TRUE(answer.is_success());
  EXPECT_EQ(address_error(answer).family, AddressFamily::ipv4);
  EXPECT_EQ(address_error(answer).code, 440);
}

TEST(DualAllocation, WhoseSecondHalfCannotBeOpenedSaysSo) {
  TestRelay relay;
  relay.sockets().exhaust_after(1);
  const Message answer = relay.client("192.0.2.1:4000").allocate(kBoth);
  ASSERT_TRUE(answer.is_success());
  EXPECT_EQ(address_error(answer).family, AddressFamily::ipv6);
  EXPECT_EQ(address_error(answer).code, 508);
  EXPECT_EQ(relay.ports.taken(), 1u);
}

TEST(DualAllocation, WithNeitherHalfIsRefused) {
  TestRelay relay;
  relay.sockets().exhaust(true);
  EXPECT_EQ(relay.client("192.0.2.1:4000").allocate(kBoth).error(), 508);
  EXPECT_EQ(relay.quota.held(), 0u);
  EXPECT_EQ(relay.ports.taken(), 0u);
}

TEST(DualAllocation, WithRequestedFamilyIsABadRequest) {
  TestRelay relay;
  const Message answer = relay.client("192.0.2.1:4000").allocate([](auto& m) {
    kBoth(m);
    m.add_family(AttributeType::requested_address_family, AddressFamily::ipv4);
  });
  EXPECT_EQ(answer.error(), 400);
}

TEST(DualAllocation, WithAPairOfPortsIsABadRequest) {
  TestRelay relay;
  const auto with_pair = [](auto& m) { kBoth(m), m.add_even_port(true); };
  EXPECT_EQ(relay.client("192.0.2.1:4000").allocate(with_pair).error(), 400);
}

TEST(DualAllocation, WithEvenPortHasTwoEvenPorts) {
  TestRelay relay;
  const Message answer =
      relay.client("192.0.2.1:4000").allocate([](auto& m) { kBoth(m), m.add_even_port(false); });
  for (const auto& relayed : answer.addresses(AttributeType::xor_relayed_address)) {
    EXPECT_EQ(relayed.port % 2, 0);
  }
}

TEST(DualAllocation, AdditionalIpv4IsABadRequest) {
  TestRelay relay;
  const Message answer = relay.client("192.0.2.1:4000").allocate([](auto& m) {
    m.add_family(AttributeType::additional_address_family, AddressFamily::ipv4);
  });
  EXPECT_EQ(answer.error(), 400);
}

TEST(DualAllocation, DontFragmentOfAnIpv4ClientIsUnknown) {
  TestRelay relay;
  const auto with_df = [](auto& m) { kBoth(m), m.add_flag(AttributeType::dont_fragment); };
  EXPECT_EQ(relay.client("192.0.2.1:4000").allocate(with_df).error(), 420);
}

TEST(DualAllocation, RelaysInBothFamilies) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000");
  alice.allocate(kBoth);
  alice.create_permission("198.51.100.7:0");
  alice.create_permission("[2001:db8::7]:0");
  alice.send("198.51.100.7:5000", "four");
  alice.send("[2001:db8::7]:5000", "six");
  const ToPeer four = relay.sent_to_peer();
  const ToPeer six = relay.sent_to_peer();
  EXPECT_TRUE(four.from.ip.is_v4());
  EXPECT_EQ(four.data, "four");
  EXPECT_FALSE(six.from.ip.is_v4());
  EXPECT_EQ(six.data, "six");
}

TEST(DualAllocation, RefreshWithoutFamilyRefreshesBoth) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000");
  alice.allocate(kBoth);
  relay.passes(500s);
  alice.refresh(600);
  relay.passes(500s);
  EXPECT_EQ(relay.sockets().open_now(), 2u);
}

TEST(DualAllocation, RefreshOfOneFamilyLetsTheOtherExpire) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000");
  alice.allocate(kBoth);
  alice.refresh(refresh_of(AddressFamily::ipv6, 1200));
  relay.passes(601s);
  EXPECT_EQ(relay.sockets().open_now(), 1u);
  EXPECT_EQ(relay.at().allocations(), 1u);
  EXPECT_EQ(alice.create_permission("198.51.100.7:0").error(), 443);
  EXPECT_TRUE(alice.create_permission("[2001:db8::7]:0").is_success());
  relay.passes(600s);
  EXPECT_EQ(relay.at().allocations(), 0u);
}

TEST(DualAllocation, DeletingOneFamilyLeavesTheOthersPermissionsAndChannels) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000");
  alice.allocate(kBoth);
  alice.bind_channel(0x4000, "198.51.100.7:5000");
  alice.bind_channel(0x4001, "[2001:db8::7]:5000");
  EXPECT_EQ(alice.refresh(refresh_of(AddressFamily::ipv4, 0)).lifetime(), 0u);
  EXPECT_EQ(relay.sockets().open_now(), 1u);
  EXPECT_EQ(relay.ports.taken(), 1u);
  alice.channel_data(0x4000, "lost");
  EXPECT_EQ(relay.last_drop(), DropReason::no_channel);
  alice.channel_data(0x4001, "kept");
  EXPECT_EQ(relay.sent_to_peer().data, "kept");
  relay.datagram_from_peer("[2001:db8::7]:5000", "kept too");
  EXPECT_EQ(alice.received(), channel_data(0x4001, "kept too"));
  EXPECT_EQ(alice.refresh(refresh_of(AddressFamily::ipv4, 600)).error(), 443);
  alice.refresh(refresh_of(AddressFamily::ipv6, 0));
  EXPECT_EQ(relay.at().allocations(), 0u);
  EXPECT_EQ(relay.counters().allocations_deleted, 1u);
}

TEST(DualAllocation, HalfThatExpiredRelaysNothingEvenBeforeItIsSwept) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000");
  alice.allocate(kBoth);
  alice.refresh(refresh_of(AddressFamily::ipv6, 1200));
  relay.passes(400s);
  alice.bind_channel(0x4000, "198.51.100.7:5000");
  relay.passes_unswept(201s);
  alice.channel_data(0x4000, "too late");
  EXPECT_EQ(relay.last_drop(), DropReason::no_channel);
  EXPECT_TRUE(relay.peers_hear_nothing());
}

}  // namespace
}  // namespace uturn
