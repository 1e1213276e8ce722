// A Data indication around a payload that stays where it is: its header is what MessageBuilder
// would have written.
#include "protocol/data_indication.h"

#include <gtest/gtest.h>

#include "protocol/message_builder.h"

namespace uturn {
namespace {

using Type = AttributeType;

constexpr TransactionId kId{{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}};

TransportAddress peer(std::string_view text) { return *TransportAddress::parse(text); }

// The header in front of a payload of this size, the payload, and its padding.
std::vector<uint8_t> indication(const TransportAddress& from, Bytes payload) {
  std::vector<uint8_t> packet(data_indication_header_size(from.ip), 0xAA);
  write_data_indication_header(packet, kId, from, payload.size());
  packet.insert(packet.end(), payload.begin(), payload.end());
  packet.resize(packet.size() + padding_of(payload.size()));
  return packet;
}

std::vector<uint8_t> built(const TransportAddress& from, Bytes payload) {
  std::vector<uint8_t> out(70'000);
  MessageBuilder builder(out, Method::data, MessageClass::indication, kId);
  builder.add_xor_address(Type::xor_peer_address, from).add(Type::data, payload);
  out.resize(builder.finish().size());
  return out;
}

TEST(DataIndication, IsWhatTheMessageBuilderWouldHaveBuilt) {
  for (const char* from : {"198.51.100.7:5000", "0.0.0.0:1", "255.255.255.255:65535",
                           "[2001:db8::7]:5000", "[::]:1", "[fe80::1]:65535"}) {
    for (const size_t size : {0, 1, 2, 3, 4, 5, 6, 7, 8, 159, 160, 1'200, 1'201, 2'047, 65'000}) {
      std::vector<uint8_t> payload(size);
      for (size_t i = 0; i < size; ++i) payload[i] = static_cast<uint8_t>(i * 31 + 1);
      EXPECT_TRUE(indication(peer(from), payload) == built(peer(from), payload))
          << from << ", " << size << " bytes";
    }
  }
}

TEST(DataIndication, HasItsPeerAndItsDataWhenRead) {
  for (const char* from : {"198.51.100.7:5000", "[2001:db8::7]:5000"}) {
    for (const std::string_view payload : {"", "a", "ab", "abc", "hello world!"}) {
      const auto packet = indication(peer(from), bytes_of(payload));
      const auto message = MessageView::parse(packet);
      ASSERT_TRUE(message);
      EXPECT_EQ(message->method(), Method::data);
      EXPECT_EQ(message->message_class(), MessageClass::indication);
      EXPECT_EQ(text_of(*message->value(Type::data)), payload);
    }
  }
}

TEST(DataIndication, ItsHeaderIs36BytesForIpv4And48ForIpv6) {
  EXPECT_EQ(data_indication_header_size(peer("198.51.100.7:1").ip), 36u);
  EXPECT_EQ(data_indication_header_size(peer("[2001:db8::7]:1").ip), 48u);
}

// Of either family: the indication fits a datagram over IPv4, and its length field cannot wrap.
TEST(DataIndication, TheLongestPayloadFitsADatagram) {
  const std::vector<uint8_t> longest(kMaxIndicatedPayload);
  for (const char* from : {"198.51.100.7:5000", "[2001:db8::7]:5000"}) {
    const auto packet = indication(peer(from), longest);
    EXPECT_LE(packet.size(), 65'507u);
    const auto message = MessageView::parse(packet);
    ASSERT_TRUE(message);
    EXPECT_EQ(message->value(Type::data)->size(), kMaxIndicatedPayload);
  }
}

TEST(DataIndicationDeathTest, RefusesALongerPayloadAndAHeaderOfAnotherSize) {
  std::array<uint8_t, 48> out;
  EXPECT_DEATH(
      write_data_indication_header(out, kId, peer("[2001:db8::7]:1"), kMaxIndicatedPayload + 1),
      "CHECK failed");
  EXPECT_DEATH(write_data_indication_header(out, kId, peer("198.51.100.7:1"), 1), "CHECK failed");
}

}  // namespace
}  // namespace uturn
