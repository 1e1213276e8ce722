// Data both ways: Send and Data indications (RFC 8656, Section 11), ChannelData (Section 12).
#include "protocol/data_indication.h"
#include "tests/relay/test_relay.h"

namespace uturn {
namespace {

class Data : public testing::Test {
 protected:
  Data() {
    alice.allocate();
    alice.create_permission("198.51.100.7:0");
    alice.bind_channel(0x4000, "198.51.100.7:5000");
  }
  TestRelay relay;
  TestClient& alice = relay.client("192.0.2.1:4000", "alice");
};

TEST(ChannelData, PeerDataArrivesOnTheChannel) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000", "alice");
  alice.allocate();
  alice.bind_channel(0x4000, "198.51.100.7:5000");
  relay.datagram_from_peer("198.51.100.7:5000", "hello");
  EXPECT_EQ(alice.received(), channel_data(0x4000, "hello"));
}

TEST_F(Data, OfASendIndicationLeavesFromTheRelayedAddress) {
  alice.send("198.51.100.7:6000", "hello");
  const ToPeer sent = relay.sent_to_peer();
  EXPECT_EQ(sent.from, alice.relayed);
  EXPECT_EQ(sent.to, address("198.51.100.7:6000"));
  EXPECT_EQ(sent.data, "hello");
  EXPECT_TRUE(alice.hears_nothing()) << "indications are not answered";
}

TEST_F(Data, OfAChannelLeavesFromTheRelayedAddress) {
  alice.channel_data(0x4000, "hello");
  const ToPeer sent = relay.sent_to_peer();
  EXPECT_EQ(sent.from, alice.relayed);
  EXPECT_EQ(sent.to, address("198.51.100.7:5000"));
  EXPECT_EQ(sent.data, "hello");
}

TEST_F(Data, ToAPeerWithChannelMayStillComeBySendIndication) {
  alice.send("198.51.100.7:5000", "hello");
  EXPECT_EQ(relay.sent_to_peer().data, "hello");
}

TEST_F(Data, FromAPeerWithoutChannelIsADataIndication) {
  relay.datagram_from_peer("198.51.100.7:6000", "hello");
  const Message indication = alice.answer();
  EXPECT_TRUE(indication.is(Method::data, MessageClass::indication));
  EXPECT_EQ(indication.peer(), address("198.51.100.7:6000"));
  EXPECT_EQ(indication.data(), "hello");
  EXPECT_EQ(indication.attributes(),
            (std::vector{AttributeType::xor_peer_address, AttributeType::data}));
}

TEST_F(Data, IndicationsHaveFreshTransactionIds) {
  std::vector<std::array<uint8_t, 12>> ids;
  for (int i = 0; i < 200; ++i) {
    relay.datagram_from_peer("198.51.100.7:6000", "x");
    ids.push_back(alice.answer().view().transaction_id().bytes);
  }
  std::ranges::sort(ids);
  EXPECT_EQ(std::ranges::adjacent_find(ids), ids.end());
}

TEST_F(Data, OfEveryLengthIsPaddedWithZeroesInIndicationsOnly) {
  for (size_t size = 0; size < 9; ++size) {
    const std::string payload(size, '\xFF');
    relay.datagram_from_peer("198.51.100.7:6000", payload);
    const Message indication = alice.answer();
    EXPECT_EQ(indication.size(), 36 + (size + 3) / 4 * 4);
    EXPECT_EQ(indication.data(), payload);
    for (size_t at = 36 + size; at < indication.size(); ++at) {
      EXPECT_EQ(indication.bytes()[at], 0);
    }
    relay.datagram_from_peer("198.51.100.7:5000", payload);
    EXPECT_EQ(alice.received(), channel_data(0x4000, payload));
  }
}

TEST_F(Data, OfNoBytesIsRelayedAllTheSame) {
  alice.send("198.51.100.7:6000", "");
  EXPECT_EQ(relay.sent_to_peer().data, "");
  alice.channel_data(0x4000, "");
  EXPECT_EQ(relay.sent_to_peer().data, "");
  EXPECT_TRUE(relay.peers_hear_nothing());
}

TEST_F(Data, OfSixtyFourKilobytesDoesNotFitAnIndication) {
  relay.datagram_from_peer("198.51.100.7:6000", std::string(kMaxIndicatedPayload, 'x'));
  EXPECT_EQ(alice.answer().data()->size(), kMaxIndicatedPayload);
  relay.datagram_from_peer("198.51.100.7:6000", std::string(kMaxIndicatedPayload + 1, 'x'));
  EXPECT_EQ(relay.last_drop(), DropReason::too_long);
  relay.datagram_from_peer("198.51.100.7:5000", std::string(kMaxIndicatedPayload + 1, 'x'));
  EXPECT_EQ(alice.received().size(), kMaxIndicatedPayload + 1 + kChannelHeaderSize);
  relay.datagram_from_peer("198.51.100.7:5000", std::string(kMaxChannelPayload + 1, 'x'));
  EXPECT_EQ(relay.last_drop(), DropReason::too_long);
}

// RFC 8656, Section 12.5; what follows on the stream is found behind it.
TEST_F(Data, OfAChannelIsPaddedOnAStream) {
  for (const Transport transport : {Transport::tcp, Transport::tls}) {
    auto& bob = relay.stream_client("192.0.2.2:4000", "bob", 0, transport);
    bob.allocate();
    bob.bind_channel(0x4000, "198.51.100.8:5000");
    relay.datagram_from_peer_to(bob.relayed, "198.51.100.8:5000", "hello");
    auto padded = channel_data(0x4000, "hello");
    padded.insert(padded.end(), 3, 0);
    EXPECT_EQ(bob.received(), padded);
    bob.refresh(0);
  }
}

TEST_F(Data, OfAChannelMayBePaddedOverUdp) {
  auto padded = channel_data(0x4000, "hello");
  padded.insert(padded.end(), 3, 0xEE);
  alice.datagram(padded);
  EXPECT_EQ(relay.sent_to_peer().data, "hello");
}

TEST_F(Data, OfAChannelShorterThanItSaysIsDropped) {
  auto bytes = channel_data(0x4000, "hello");
  for (size_t size = 1; size < bytes.size(); ++size) {
    alice.datagram({bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)});
    EXPECT_EQ(relay.last_drop(), DropReason::malformed_channel_data) << size;
  }
  EXPECT_TRUE(relay.peers_hear_nothing());
}

TEST_F(Data, OnAChannelThatIsNotBoundIsDropped) {
  alice.channel_data(0x4001, "hello");
  EXPECT_EQ(relay.last_drop(), DropReason::no_channel);
}

TEST_F(Data, WithoutPermissionIsDropped) {
  alice.send("198.51.100.8:5000", "hello");
  EXPECT_EQ(relay.last_drop(), DropReason::no_permission);
}

TEST_F(Data, OfAnIndicationWithoutPeerOrDataIsDropped) {
  std::vector<uint8_t> bytes(100);
  MessageBuilder without_data(bytes, Method::send, MessageClass::indication, {});
  without_data.add_xor_address(AttributeType::xor_peer_address, address("198.51.100.7:5000"));
  alice.datagram({bytes.begin(), bytes.begin() + 32});
  EXPECT_EQ(relay.last_drop(), DropReason::malformed_indication);
  MessageBuilder without_peer(bytes, Method::send, MessageClass::indication, {});
  without_peer.add_u32(AttributeType::data, 1);
  alice.datagram({bytes.begin(), bytes.begin() + 28});
  EXPECT_EQ(relay.last_drop(), DropReason::malformed_indication);
  alice.send("198.51.100.7:0", "no port");
  EXPECT_EQ(relay.last_drop(), DropReason::malformed_indication);
}

TEST_F(Data, OfAnIndicationWithUnknownAttributesIsDroppedSilently) {
  alice.send("198.51.100.7:5000", "hello", [](auto& m) { m.add_u32(AttributeType{0x7F01}, 1); });
  EXPECT_EQ(relay.last_drop(), DropReason::unknown_attribute);
  EXPECT_TRUE(alice.hears_nothing());
  alice.send("198.51.100.7:5000", "hello", [](auto& m) { m.add_u32(AttributeType{0xFF01}, 1); });
  EXPECT_EQ(relay.sent_to_peer().data, "hello");
}

TEST_F(Data, OfAnIndicationUsesTheFirstPeer) {
  alice.send("198.51.100.7:5000", "hello", [](auto& m) {
    m.add_xor_address(AttributeType::xor_peer_address, address("198.51.100.8:5000"));
  });
  EXPECT_EQ(relay.sent_to_peer().to, address("198.51.100.7:5000"));
}

TEST_F(Data, KeepsDscpAndEcnAndLosesOneHop) {
  alice.marks(46, 1, 64);
  alice.channel_data(0x4000, "a");
  alice.send("198.51.100.7:6000", "b");
  for (int i = 0; i < 2; ++i) {
    const ToPeer sent = relay.sent_to_peer();
    EXPECT_EQ(sent.ip.dscp, 46);
    EXPECT_EQ(sent.ip.ecn, 1);
    EXPECT_EQ(sent.ip.ttl, 63);
  }
  IpFields from_peer;
  from_peer.dscp = 34;
  from_peer.ecn = 3;
  from_peer.ttl = 10;
  relay.datagram_from_peer("198.51.100.7:5000", "c", from_peer);
  alice.received();
  EXPECT_EQ(alice.last_ip().dscp, 34);
  EXPECT_EQ(alice.last_ip().ecn, 3);
  EXPECT_EQ(alice.last_ip().ttl, 9);
}

TEST_F(Data, WithoutHopsLeftIsDropped) {
  alice.marks(0, 0, 1);
  alice.channel_data(0x4000, "a");
  EXPECT_EQ(relay.last_drop(), DropReason::ttl_expired);
  alice.send("198.51.100.7:6000", "b");
  EXPECT_EQ(relay.last_drop(), DropReason::ttl_expired);
  IpFields last_hop;
  last_hop.ttl = 1;
  relay.datagram_from_peer("198.51.100.7:5000", "c", last_hop);
  EXPECT_EQ(relay.last_drop(), DropReason::ttl_expired);
}

TEST_F(Data, OfUnknownTtlLeavesWithTheDefault) {
  alice.channel_data(0x4000, "a");
  EXPECT_EQ(relay.sent_to_peer().ip.ttl, 0);
}

TEST_F(Data, WithDontFragmentIsSentWithTheBitFromIpv4ToIpv4) {
  const auto df = [](MessageBuilder& m) { m.add_flag(AttributeType::dont_fragment); };
  alice.send("198.51.100.7:5000", "a", df);
  EXPECT_TRUE(relay.sent_to_peer().ip.dont_fragment);
  alice.send("198.51.100.7:5000", "b");
  EXPECT_FALSE(relay.sent_to_peer().ip.dont_fragment);
}

// RFC 8656, Sections 13.1 to 13.3: every translation ignores the attribute, IPv6 to IPv6 too.
TEST(DontFragment, IsIgnoredByEveryTranslation) {
  TestRelay relay;
  const auto df = [](MessageBuilder& m) { m.add_flag(AttributeType::dont_fragment); };
  const auto check = [&](TestClient& client, AddressFamily family, const std::string& peer) {
    client.allocate(
        [&](auto& m) { m.add_family(AttributeType::requested_address_family, family); });
    client.create_permission(peer);
    client.send(peer, "x", df);
    EXPECT_FALSE(relay.sent_to_peer().ip.dont_fragment) << client.five_tuple().client.to_string();
  };
  check(relay.client("192.0.2.1:4000"), AddressFamily::ipv6, "[2001:db8::7]:5000");
  check(relay.client("[2001:db8::1]:4000"), AddressFamily::ipv4, "198.51.100.7:5000");
  check(relay.client("[2001:db8::1]:4001"), AddressFamily::ipv6, "[2001:db8::7]:5000");
}

TEST(Ipv6, PeerDataComesInAnIndicationOf48Bytes) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000");
  alice.allocate(
      [](auto& m) { m.add_family(AttributeType::requested_address_family, AddressFamily::ipv6); });
  alice.create_permission("[2001:db8::7]:0");
  relay.datagram_from_peer("[2001:db8::7]:5000", "hello");
  const Message indication = alice.answer();
  EXPECT_EQ(indication.peer(), address("[2001:db8::7]:5000"));
  EXPECT_EQ(indication.data(), "hello");
  EXPECT_EQ(indication.size(), 48u + 8u);
}

TEST(Expired, AllocationRelaysNothingEvenBeforeItIsSwept) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000");
  alice.allocate();
  relay.passes(400s);
  alice.bind_channel(0x4000, "198.51.100.7:5000");
  relay.passes_unswept(200s);
  relay.datagram_from_peer("198.51.100.7:5000", "late");
  EXPECT_EQ(relay.last_drop(), DropReason::no_allocation);
  alice.channel_data(0x4000, "late");
  EXPECT_EQ(relay.last_drop(), DropReason::no_allocation);
  alice.send("198.51.100.7:5000", "late");
  EXPECT_EQ(relay.last_drop(), DropReason::no_allocation);
  EXPECT_TRUE(relay.peers_hear_nothing());
}

TEST(Expired, TagOfAnEarlierLifeFindsNothing) {
  TestRelay relay;
  auto& alice = relay.client("192.0.2.1:4000");
  alice.allocate();
  const RelayTag earlier = relay.sockets().all().begin()->second.tag;
  alice.refresh(0);
  alice.allocate();
  alice.create_permission("198.51.100.7:0");
  std::array<uint8_t, kHeadroom + 1> bytes{};
  const Packet packet({bytes.data(), kHeadroom}, {&bytes[kHeadroom], 1});
  const Outcome outcome =
      relay.at().on_peer_packet(earlier, peer_at("198.51.100.7:5000"), {}, packet, relay.now);
  ASSERT_TRUE(std::holds_alternative<Drop>(outcome));
  EXPECT_EQ(std::get<Drop>(outcome).why, DropReason::no_allocation);
}

}  // namespace
}  // namespace uturn
