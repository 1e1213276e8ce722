// Refresh: living longer, or ending (RFC 8656, Section 8), and what every request but Allocate
// needs.
#include "tests/relay/test_relay.h"

namespace uturn {
namespace {

TEST(Refresh, GrantsAsAllocateDoes) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000");
  alice.allocate();
  EXPECT_EQ(alice.refresh().lifetime(), 600u);
  EXPECT_EQ(alice.refresh(1).lifetime(), 600u);
  EXPECT_EQ(alice.refresh(1800).lifetime(), 1800u);
  EXPECT_EQ(alice.refresh(UINT32_MAX).lifetime(), 3600u);
  EXPECT_EQ(alice.refresh().text(AttributeType::software), "uturn");
}

TEST(Refresh, SetsTheTimeToExpiry) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000");
  alice.allocate();
  alice.refresh(1800);
  relay.passes(1799s);
  EXPECT_EQ(relay.at().allocations(), 1u);
  alice.refresh(600);
  relay.passes(599s);
  EXPECT_EQ(relay.at().allocations(), 1u);
  relay.passes(2s);
  EXPECT_EQ(relay.at().allocations(), 0u);
}

TEST(Refresh, OfZeroDeletesEverything) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000");
  alice.allocate();
  alice.bind_channel(0x4000, "198.51.100.7:5000");
  EXPECT_EQ(alice.refresh(0).lifetime(), 0u);
  EXPECT_EQ(relay.at().allocations(), 0u);
  EXPECT_EQ(relay.sockets().closed(), 1u);
  EXPECT_EQ(relay.ports.taken(), 0u);
  EXPECT_EQ(relay.quota.held(), 0u);
  EXPECT_EQ(relay.at().next_deadline(), kNever);
  EXPECT_EQ(alice.repeat().error(), 437) << "retransmitted: the client takes it for a success";
  EXPECT_TRUE(alice.allocate().is_success());
  alice.channel_data(0x4000, "of an earlier life");
  EXPECT_EQ(relay.last_drop(), DropReason::no_channel);
}

TEST(Refresh, DoesNotProlongPermissions) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000");
  alice.allocate();
  alice.create_permission("198.51.100.7:0");
  relay.passes(299s);
  alice.refresh(600);
  relay.datagram_from_peer("198.51.100.7:5000", "in time");
  EXPECT_EQ(alice.answer().data(), "in time");
  relay.passes(1s);
  relay.datagram_from_peer("198.51.100.7:5000", "late");
  EXPECT_EQ(relay.last_drop(), DropReason::no_permission);
}

TEST(Refresh, OfTheFamilyIsAcceptedAndOfAnotherIsAMismatch) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000");
  alice.allocate();
  const auto of = [&](AddressFamily family) {
    return alice.refresh(
        [=](auto& m) { m.add_family(AttributeType::requested_address_family, family); });
  };
  EXPECT_TRUE(of(AddressFamily::ipv4).is_success());
  EXPECT_EQ(of(AddressFamily::ipv6).error(), 443);
  const auto of_no_family = [](auto& m) {
    m.add_u32(AttributeType::requested_address_family, 0x0900'0000);
  };
  EXPECT_EQ(alice.refresh(of_no_family).error(), 443);
  const auto malformed = [](auto& m) { m.add_flag(AttributeType::requested_address_family); };
  EXPECT_EQ(alice.refresh(malformed).error(), 400);
}

TEST(Refresh, CannotReviveWhatHasExpiredButIsNotSweptYet) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000");
  alice.allocate();
  relay.passes_unswept(600s);
  EXPECT_EQ(alice.refresh(3600).error(), 437);
  EXPECT_EQ(relay.at().allocations(), 0u);
  EXPECT_EQ(relay.ports.taken(), 0u);
  EXPECT_EQ(relay.counters().allocations_expired, 1u);
}

TEST(WithoutAllocation, EveryRequestIsAMismatch) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000");
  EXPECT_EQ(alice.refresh().error(), 437);
  EXPECT_EQ(alice.create_permission("198.51.100.7:0").error(), 437);
  EXPECT_EQ(alice.bind_channel(0x4000, "198.51.100.7:5000").error(), 437);
}

TEST(WithoutAllocation, IndicationsAndChannelDataAreIgnored) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000");
  alice.send("198.51.100.7:5000", "hello");
  EXPECT_EQ(relay.last_drop(), DropReason::no_allocation);
  alice.channel_data(0x4000, "hello");
  EXPECT_EQ(relay.last_drop(), DropReason::no_allocation);
  EXPECT_TRUE(alice.hears_nothing());
}

TEST(WithoutAllocation, RequestsAreAuthenticatedFirst) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000");
  EXPECT_EQ(alice.unsigned_request(Method::refresh).error(), 401);
  EXPECT_EQ(alice.unsigned_request(Method::create_permission).error(), 401);
  EXPECT_EQ(alice.unsigned_request(Method::channel_bind).error(), 401);
}

TEST(WrongCredentials, AnotherUserCannotTouchTheAllocation) {
  TestRelay relay;
  relay.client("192.0.2.1:4000", "alice").allocate();
  auto& bob = relay.client("192.0.2.1:4000", "bob");
  EXPECT_EQ(bob.refresh(0).error(), 441);
  EXPECT_EQ(bob.create_permission("198.51.100.7:0").error(), 441);
  EXPECT_EQ(bob.bind_channel(0x4000, "198.51.100.7:5000").error(), 441);
  EXPECT_EQ(relay.at().allocations(), 1u);
}

TEST(WrongCredentials, UnknownAttributesComeBeforeTheAllocation) {
  TestRelay relay;
  const Message answer =
      relay.client("192.0.2.1:4000").refresh([](auto& m) { m.add_u32(AttributeType{0x7F01}, 1); });
  EXPECT_EQ(answer.error(), 420);
}

TEST(WrongCredentials, OnAnExistingAllocationAStrangerIsChallengedAndTheOwnerIsNot) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000");
  alice.allocate();
  EXPECT_EQ(alice.unsigned_request(Method::refresh).error(), 401);
  EXPECT_TRUE(alice.refresh().is_success());
}

}  // namespace
}  // namespace uturn
