// ChannelBind: which number may stand for which peer (RFC 8656, Section 12).
#include "tests/relay/test_relay.h"

namespace uturn {
namespace {

TEST(ChannelBind, BindsAndInstallsThePermission) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000");
  alice.allocate();
  EXPECT_TRUE(alice.bind_channel(0x4000, "198.51.100.7:5000").is_success());
  relay.datagram_from_peer("198.51.100.7:6000", "another port of the peer");
  EXPECT_EQ(alice.answer().peer(), address("198.51.100.7:6000"));
}

TEST(ChannelBind, OfANumberBoundToAnotherPeerIsABadRequest) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000");
  alice.allocate();
  alice.bind_channel(0x4000, "198.51.100.7:5000");
  EXPECT_EQ(alice.bind_channel(0x4000, "198.51.100.7:5001").error(), 400);
  EXPECT_EQ(alice.bind_channel(0x4000, "198.51.100.8:5000").error(), 400);
}

TEST(ChannelBind, OfAPeerBoundToAnotherNumberIsABadRequest) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000");
  alice.allocate();
  alice.bind_channel(0x4000, "198.51.100.7:5000");
  EXPECT_EQ(alice.bind_channel(0x4001, "198.51.100.7:5000").error(), 400);
  alice.bind_channel(0x4001, "198.51.100.7:5001");
  EXPECT_EQ(alice.bind_channel(0x4001, "198.51.100.7:5000").error(), 400) << "both are taken";
}

TEST(ChannelBind, InOneAllocationIsNoneInAnother) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000");
  auto& bob = relay.client("192.0.2.2:4000", "bob");
  alice.allocate();
  bob.allocate();
  alice.bind_channel(0x4000, "198.51.100.7:5000");
  bob.channel_data(0x4000, "hello");
  EXPECT_EQ(relay.last_drop(), DropReason::no_channel);
  EXPECT_TRUE(bob.bind_channel(0x4000, "198.51.100.8:5000").is_success());
}

TEST(ChannelBind, WithoutNumberOrPeerIsABadRequest) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000");
  alice.allocate();
  const auto only_number = [](auto& m) { m.add_channel_number(0x4000); };
  const auto only_peer = [](auto& m) {
    m.add_xor_address(AttributeType::xor_peer_address, address("198.51.100.7:5000"));
  };
  EXPECT_EQ(alice.request(Method::channel_bind, only_number).error(), 400);
  EXPECT_EQ(alice.request(Method::channel_bind, only_peer).error(), 400);
  EXPECT_EQ(alice.bind_channel(0x4000, "198.51.100.7:0").error(), 400) << "no port to send to";
}

TEST(ChannelBind, NumbersOfRfc8656EndAt4FFF) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000");
  alice.allocate();
  for (const uint16_t number : {0x0000, 0x3FFF, 0x5000, 0x7FFF, 0xFFFF}) {
    EXPECT_EQ(alice.bind_channel(number, "198.51.100.7:5000").error(), 400) << number;
  }
  EXPECT_TRUE(alice.bind_channel(0x4FFF, "198.51.100.7:5000").is_success());
  alice.channel_data(0x4FFF, "hello");
  EXPECT_EQ(relay.sent_to_peer().data, "hello");
  alice.channel_data(0x5000, "reserved");
  EXPECT_EQ(relay.last_drop(), DropReason::reserved_channel);
}

TEST(ChannelBind, NumbersOfRfc5766EndAt7FFFWhereTheyAreServed) {
  TestSettings settings;
  settings.relay.channels = ChannelRange::rfc5766;
  TestRelay relay(std::move(settings));
  auto& alice = relay.client("192.0.2.1:4000");
  alice.allocate();
  EXPECT_TRUE(alice.bind_channel(0x7FFF, "198.51.100.7:5000").is_success());
  EXPECT_EQ(alice.bind_channel(0x8000, "198.51.100.8:5000").error(), 400);
  alice.channel_data(0x7FFF, "hello");
  EXPECT_EQ(relay.sent_to_peer().data, "hello");
}

TEST(ChannelBind, LastsExactlySixHundredSecondsAndMayThenBeBoundAnew) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000");
  alice.allocate();
  alice.refresh(3600);
  alice.bind_channel(0x4000, "198.51.100.7:5000");
  relay.passes(600s - 1ns);
  alice.channel_data(0x4000, "in time");
  EXPECT_EQ(relay.sent_to_peer().data, "in time");
  EXPECT_EQ(alice.bind_channel(0x4000, "198.51.100.8:5000").error(), 400);
  relay.passes(1ns);
  alice.channel_data(0x4000, "late");
  EXPECT_EQ(relay.last_drop(), DropReason::no_channel);
  EXPECT_TRUE(alice.bind_channel(0x4000, "198.51.100.8:5000").is_success());
  EXPECT_TRUE(alice.bind_channel(0x4001, "198.51.100.7:5000").is_success());
}

TEST(ChannelBind, AgainStartsChannelAndPermissionAnew) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000");
  alice.allocate();
  alice.refresh(3600);
  alice.bind_channel(0x4000, "198.51.100.7:5000");
  relay.passes(299s);
  EXPECT_TRUE(alice.bind_channel(0x4000, "198.51.100.7:5000").is_success());
  relay.passes(299s);
  relay.datagram_from_peer("198.51.100.7:5000", "hello");
  EXPECT_EQ(alice.received(), channel_data(0x4000, "hello"));
  relay.passes(1s);
  relay.datagram_from_peer("198.51.100.7:5000", "the permission is shorter than the channel");
  EXPECT_EQ(relay.last_drop(), DropReason::no_permission);
}

TEST(ChannelBind, IsNotProlongedByData) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000");
  alice.allocate();
  alice.refresh(3600);
  alice.bind_channel(0x4000, "198.51.100.7:5000");
  relay.passes(299s);
  alice.channel_data(0x4000, "hello");
  relay.passes(1s);
  relay.datagram_from_peer("198.51.100.7:5000", "hello");
  EXPECT_EQ(relay.last_drop(), DropReason::no_permission);
  relay.passes(300s);
  alice.channel_data(0x4000, "hello");
  EXPECT_EQ(relay.last_drop(), DropReason::no_channel);
}

TEST(ChannelBind, BeyondTheLimitIsBeyondCapacity) {
  TestSettings settings;
  settings.relay.limits.channels_per_allocation = 2;
  TestRelay relay(std::move(settings));
  auto& alice = relay.client("192.0.2.1:4000");
  alice.allocate();
  alice.refresh(3600);
  EXPECT_TRUE(alice.bind_channel(0x4000, "198.51.100.7:5000").is_success());
  EXPECT_TRUE(alice.bind_channel(0x4001, "198.51.100.7:5001").is_success());
  EXPECT_EQ(alice.bind_channel(0x4002, "198.51.100.7:5002").error(), 508);
  EXPECT_TRUE(alice.bind_channel(0x4001, "198.51.100.7:5001").is_success()) << "a refresh";
  relay.passes_unswept(600s);
  EXPECT_TRUE(alice.bind_channel(0x4002, "198.51.100.7:5002").is_success());
}

TEST(ChannelBind, OfATakenNumberToADeniedPeerIsABadRequest) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000");
  alice.allocate();
  alice.bind_channel(0x4000, "198.51.100.7:5000");
  EXPECT_EQ(alice.bind_channel(0x4000, "10.0.0.1:5000").error(), 400);
}

TEST(ChannelBind, ToADeniedPeerIsForbidden) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000");
  alice.allocate();
  EXPECT_EQ(alice.bind_channel(0x4000, "10.0.0.1:5000").error(), 403);
  EXPECT_EQ(alice.bind_channel(0x4000, "203.0.113.10:3478").error(), 403) << "our own listener";
  EXPECT_TRUE(alice.bind_channel(0x4000, "198.51.100.7:5000").is_success());
}

}  // namespace
}  // namespace uturn
