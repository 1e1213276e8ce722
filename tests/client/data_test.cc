// Data: to peers and from peers, by channel and by indication (RFC 8656, Sections 11 and 12).
#include <algorithm>

#include "protocol/attributes.h"
#include "tests/client/conversation.h"

namespace uturn {
namespace {

using enum AttributeType;

const PeerAddress kPeer = peer_address(*TransportAddress::parse("198.51.100.7:5000"));

class Data : public ::testing::Test {
 protected:
  void SetUp() override { talk.allocate({}, 3600s); }
  std::optional<Bytes> send(const PeerAddress& peer, std::string_view data) {
    return talk.client.send(peer, bytes_of(data), out, talk.now());
  }
  void indicate(std::string_view peer, std::string_view data) {
    talk.indicate([&](MessageBuilder& message) {
      message.add_xor_address(xor_peer_address, address(peer));
      message.add_text(AttributeType::data, data);
    });
  }
  Conversation talk;
  std::array<uint8_t, 1500> out{};
};

TEST_F(Data, GoesByIndicationWithAPermission) {
  talk.create_permission("198.51.100.7");
  const auto datagram = send(kPeer, "hello");
  ASSERT_TRUE(datagram);
  const Message indication{*datagram};
  EXPECT_EQ(indication.method(), Method::send);
  EXPECT_EQ(indication.view().message_class(), MessageClass::indication);
  EXPECT_EQ(indication.xor_address(xor_peer_address), kPeer);
  EXPECT_EQ(indication.text(AttributeType::data), "hello");
  EXPECT_FALSE(indication.has(message_integrity)) << "indications cannot be challenged";
  EXPECT_NE(Message{*send(kPeer, "hello")}.id(), indication.id());
}

TEST_F(Data, MayAskNotToBeFragmented) {
  talk.create_permission("198.51.100.7");
  const auto datagram =
      talk.client.send_indication(kPeer, bytes_of("hello"), out, talk.now(), true);
  EXPECT_TRUE(Message{*datagram}.has(dont_fragment));
  EXPECT_FALSE(Message{*send(kPeer, "hello")}.has(dont_fragment));
}

TEST_F(Data, GoesByChannelOnceItIsBound) {
  talk.bind_channel("198.51.100.7:5000");
  const auto datagram = send(kPeer, "hello");
  ASSERT_TRUE(datagram);
  EXPECT_TRUE(equal(*datagram, channel_data(0x4000, "hello")));
  const PeerAddress other_port = peer_address(address("198.51.100.7:5001"));
  EXPECT_EQ(Message{*send(other_port, "hello")}.method(), Method::send)
      << "the channel's permission is for every port";
}

TEST_F(Data, UntilTheChannelIsConfirmedNothingGoesThere) {
  talk.create_permission("198.51.100.7");
  talk.client.bind_channel(kPeer, talk.now());
  EXPECT_EQ(Message{*send(kPeer, "hello")}.method(), Method::send);
  EXPECT_FALSE(talk.client.send_on_channel(kPeer, bytes_of("hello"), out, talk.now()));
}

TEST_F(Data, GoesNowhereWithoutPermission) {
  EXPECT_FALSE(send(kPeer, "hello"));
  talk.client.create_permission(kPeer.ip, talk.now());
  EXPECT_FALSE(send(kPeer, "hello")) << "asked for, not granted";
}

TEST_F(Data, OfNoBytesIsData) {
  talk.create_permission("198.51.100.7");
  EXPECT_TRUE(Message{*send(kPeer, "")}.has(AttributeType::data));
  talk.bind_channel("198.51.100.7:5000");
  EXPECT_EQ(send(kPeer, "")->size(), 4u);
}

TEST_F(Data, ThatDoesNotFitIsNotSent) {
  talk.create_permission("198.51.100.7");
  const std::string much(1490, 'x');
  EXPECT_FALSE(send(kPeer, much));
  talk.bind_channel("198.51.100.7:5000");
  EXPECT_TRUE(send(kPeer, much));
  EXPECT_FALSE(send(kPeer, much + "1234567"));
}

TEST(DataOnAStream, IsPaddedAndTheLengthDoesNotCountIt) {
  TurnClient::Settings settings = alice();
  settings.reliable = true;
  Conversation talk{settings};
  talk.allocate();
  talk.bind_channel("198.51.100.7:5000");
  std::array<uint8_t, 12> out;
  out.fill(0xFF);
  const auto datagram = talk.client.send(kPeer, bytes_of("hello"), out, talk.now());
  ASSERT_EQ(datagram->size(), 12u);
  EXPECT_EQ(load_be16(datagram->data() + 2), 5);
  EXPECT_TRUE(std::ranges::all_of(datagram->last(3), [](uint8_t byte) { return byte == 0; }));
}

TEST_F(Data, ArrivesByIndication) {
  talk.create_permission("198.51.100.7");
  indicate("198.51.100.7:5000", "hello");
  const auto datagram = talk.event<PeerDatagram>();
  EXPECT_EQ(datagram.peer, kPeer);
  EXPECT_EQ(text_of(datagram.data), "hello");
  EXPECT_FALSE(datagram.channel);
}

TEST_F(Data, ArrivesByChannel) {
  talk.bind_channel("198.51.100.7:5000");
  talk.deliver(channel_data(0x4000, "hello"));
  const auto datagram = talk.event<PeerDatagram>();
  EXPECT_EQ(datagram.peer, kPeer);
  EXPECT_EQ(text_of(datagram.data), "hello");
  EXPECT_EQ(datagram.channel->value(), 0x4000);
}

TEST_F(Data, MayOvertakeTheConfirmation) {
  talk.client.bind_channel(kPeer, talk.now());
  talk.deliver(channel_data(0x4000, "hello"));
  EXPECT_EQ(text_of(talk.event<PeerDatagram>().data), "hello");
}

TEST_F(Data, FromStrangersIsDiscarded) {
  talk.create_permission("198.51.100.7");
  indicate("198.51.100.8:5000", "hello");
  talk.deliver(channel_data(0x4000, "hello"));
  EXPECT_TRUE(talk.no_event());
}

TEST_F(Data, OnADroppedChannelEndsWithThePermission) {
  const ChannelNumber channel = talk.bind_channel("198.51.100.7:5000");
  talk.client.drop_channel(channel);
  talk.advance(299s);
  talk.deliver(channel_data(0x4000, "hello"));
  talk.event<PeerDatagram>();
  talk.advance(1s);
  talk.deliver(channel_data(0x4000, "hello"));
  EXPECT_TRUE(talk.no_event());
}

TEST_F(Data, PaddedChannelDataOverUdpIsCutToItsLength) {
  talk.bind_channel("198.51.100.7:5000");
  auto padded = channel_data(0x4000, "hello");
  padded.resize(padded.size() + 3);
  talk.deliver(padded);
  EXPECT_EQ(text_of(talk.event<PeerDatagram>().data), "hello");
}

TEST_F(Data, TooShortForItsLengthIsDiscarded) {
  talk.bind_channel("198.51.100.7:5000");
  auto cut = channel_data(0x4000, "hello");
  cut.pop_back();
  talk.deliver(cut);
  EXPECT_TRUE(talk.no_event());
}

TEST_F(Data, AnIndicationWithoutPeerOrDataIsDiscarded) {
  talk.create_permission("198.51.100.7");
  talk.indicate([](MessageBuilder& message) { message.add_text(AttributeType::data, "hello"); });
  talk.indicate([](MessageBuilder& message) { message.add_xor_address(xor_peer_address, kPeer); });
  talk.indicate([](MessageBuilder& message) {
    message.add_xor_address(xor_peer_address, kPeer).add_text(AttributeType::data, "hello");
    message.add_u32(AttributeType{0x7FF0}, 1);
  });
  EXPECT_TRUE(talk.no_event());
}

TEST_F(Data, AnIcmpErrorIsReportedWithItsPeer) {
  talk.create_permission("198.51.100.7");
  const IcmpValue unreachable{.type = 3, .code = 4, .error_data = 1400};
  const auto indicate_icmp = [&](std::string_view peer) {
    talk.indicate([&](MessageBuilder& message) {
      message.add_xor_address(xor_peer_address, address(peer)).add_icmp(unreachable);
    });
  };
  indicate_icmp("198.51.100.7:5000");
  const auto event = talk.event<PeerUnreachable>();
  EXPECT_EQ(event.peer, kPeer);
  EXPECT_EQ(event.icmp, unreachable);
  indicate_icmp("198.51.100.8:5000");
  EXPECT_TRUE(talk.no_event());
}

TEST_F(Data, AnOwnerThatDoesNotPollLosesEventsAndNoMemory) {
  talk.bind_channel("198.51.100.7:5000");
  for (size_t i = 0; i < 2 * TurnClient::kMaxEvents; ++i) {
    talk.deliver(channel_data(0x4000, "hello"));
  }
  size_t events = 0;
  while (talk.client.poll_event()) ++events;
  EXPECT_EQ(events, TurnClient::kMaxEvents);
  talk.deliver(channel_data(0x4000, "hello"));
  talk.event<PeerDatagram>();
}

}  // namespace
}  // namespace uturn
