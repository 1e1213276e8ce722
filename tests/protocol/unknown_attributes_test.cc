// UnknownAttributes and PeerAddresses: what requests list.
#include "protocol/unknown_attributes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "protocol/message_builder.h"
#include "protocol/peer_addresses.h"
#include "tests/protocol/raw_message.h"

namespace uturn {
namespace {

using Type = AttributeType;
using testing::ElementsAre;
using testing::IsEmpty;

bool knows_realm_only(Type type) { return type == Type::realm; }

TEST(UnknownAttributes, AreTheRequiredOnesNobodyKnows) {
  const auto raw = RawMessage()
                       .attribute(Type::realm, "known")
                       .attribute(static_cast<Type>(0x7ABC), "")
                       .attribute(static_cast<Type>(0xC057), "optional")
                       .attribute(Type::connection_id, "1234");
  EXPECT_THAT(unknown_attributes(*raw.parse(), knows_realm_only).types(),
              ElementsAre(static_cast<Type>(0x7ABC), Type::connection_id));
}

TEST(UnknownAttributes, AreListedOnce) {
  const auto raw = RawMessage()
                       .attribute(Type::padding, "a")
                       .attribute(Type::padding, "b")
                       .attribute(Type::username, "c");
  EXPECT_THAT(unknown_attributes(*raw.parse(), knows_realm_only).types(),
              ElementsAre(Type::padding, Type::username));
}

TEST(UnknownAttributes, AreNotThoseBehindIntegrity) {
  const auto raw = RawMessage()
                       .attribute(Type::message_integrity, std::string(20, 'x'))
                       .attribute(static_cast<Type>(0x7ABC), "");
  const auto known = [](Type type) { return type == Type::message_integrity; };
  EXPECT_TRUE(unknown_attributes(*raw.parse(), known).empty());
}

TEST(UnknownAttributes, AreAllListedInTheFullestMessage) {
  RawMessage raw;
  for (size_t i = 0; i < kMaxAttributes; ++i) raw.attribute(static_cast<Type>(0x4000 + i), "");
  const auto unknown = unknown_attributes(*raw.parse(), knows_realm_only);
  EXPECT_EQ(unknown.types().size(), kMaxAttributes);

  std::array<uint8_t, 256> buffer;
  MessageBuilder answer(buffer, Method::binding, MessageClass::error, TransactionId{});
  answer.add_unknown_attributes(unknown.types());
  const auto read = MessageView::parse(answer.finish());
  const auto decoded = decode_unknown_attributes(*read->value(Type::unknown_attributes));
  EXPECT_TRUE(std::ranges::equal(decoded->types(), unknown.types()));
}

TEST(UnknownAttributes, HalfATypeIsMalformed) {
  EXPECT_FALSE(decode_unknown_attributes(from_hex("0026 00")));
  EXPECT_TRUE(decode_unknown_attributes({})->empty());
}

TEST(UnknownAttributes, AnEndlessListIsCutWhereAMessageWouldBe) {
  std::vector<uint8_t> value;
  for (uint8_t i = 0; i < 200; ++i) value.insert(value.end(), {0x40, i});
  EXPECT_EQ(decode_unknown_attributes(value)->types().size(), kMaxAttributes);
}

std::vector<std::string> peers_of(Bytes bytes) {
  std::vector<std::string> peers;
  const auto message = MessageView::parse(bytes);
  for (const auto& peer : PeerAddresses(*message))
    peers.push_back(peer ? peer->to_string() : "malformed");
  return peers;
}

TEST(PeerAddresses, AreAllXorPeerAddressesInOrder) {
  std::array<uint8_t, 256> buffer;
  MessageBuilder builder(buffer, Method::create_permission, MessageClass::request, TransactionId{});
  builder.add_text(Type::username, "alice")
      .add_xor_address(Type::xor_peer_address, *TransportAddress::parse("198.51.100.7:5000"))
      .add_xor_address(Type::xor_mapped_address, *TransportAddress::parse("192.0.2.1:1"))
      .add(Type::xor_peer_address, from_hex("0001"))
      .add_xor_address(Type::xor_peer_address, *TransportAddress::parse("[2001:db8::7]:0"))
      .add_integrity(bytes_of("key"));
  EXPECT_THAT(peers_of(builder.finish()),
              ElementsAre("198.51.100.7:5000", "malformed", "[2001:db8::7]:0"));
}

TEST(PeerAddresses, AreNoneWhereNoneAre) {
  EXPECT_THAT(peers_of(RawMessage().attribute(Type::realm, "r").bytes()), IsEmpty());
  EXPECT_THAT(peers_of(RawMessage().bytes()), IsEmpty());
}

}  // namespace
}  // namespace uturn
