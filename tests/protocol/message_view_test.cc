// MessageView: what is a message, and which of its attributes exist.
#include "protocol/message_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/protocol/raw_message.h"

namespace uturn {
namespace {

using Type = AttributeType;
using testing::ElementsAre;
using testing::IsEmpty;

std::vector<Type> types_of(const RawMessage& raw) {
  std::vector<Type> types;
  const auto message = raw.parse();
  EXPECT_TRUE(message);
  if (!message) return types;
  for (const AttributeView attribute : *message) types.push_back(attribute.type);
  return types;
}

const std::vector<uint8_t> kMac(20, 0xAB);
const std::vector<uint8_t> kMac256(32, 0xCD);
const std::vector<uint8_t> kCrc(4, 0xEF);

TEST(MessageView, AHeaderAloneIsAMessage) {
  RawMessage raw(Method::refresh, MessageClass::error);
  const auto message = raw.parse();
  ASSERT_TRUE(message);
  EXPECT_EQ(message->method(), Method::refresh);
  EXPECT_EQ(message->message_class(), MessageClass::error);
  EXPECT_EQ(to_hex(message->transaction_id().bytes), "000102030405060708090a0b");
  EXPECT_EQ(message->bytes().size(), 20u);
  EXPECT_THAT(types_of(raw), IsEmpty());
}

TEST(MessageView, ShorterThanAHeaderIsTooShort) {
  const auto bytes = RawMessage().bytes();
  for (size_t size = 0; size < kStunHeaderSize; ++size)
    EXPECT_EQ(MessageView::parse(Bytes{bytes}.first(size)).error(), ParseError::too_short);
}

TEST(MessageView, TheTopBitsMustBeZero) {
  for (const uint8_t first : {0x40, 0x80, 0xC0}) {
    RawMessage raw;
    raw.bytes()[0] = first;
    EXPECT_EQ(raw.parse().error(), ParseError::not_stun);
  }
}

TEST(MessageView, ClassicStunHasNoCookie) {
  RawMessage raw;
  raw.bytes()[4] = 0x22;
  EXPECT_EQ(raw.parse().error(), ParseError::wrong_cookie);
}

TEST(MessageView, TheLengthIsThatOfTheDatagram) {
  EXPECT_EQ(RawMessage().length(4).parse().error(), ParseError::wrong_length);
  EXPECT_EQ(RawMessage().attribute(Type::data, "abcd").length(4).parse().error(),
            ParseError::wrong_length);
  RawMessage trailing;
  trailing.bytes().push_back(0);
  EXPECT_EQ(trailing.parse().error(), ParseError::wrong_length);
}

TEST(MessageView, TheLengthIsAMultipleOfFour) {
  EXPECT_EQ(RawMessage().append(from_hex("0013 0001 aa")).parse().error(),
            ParseError::wrong_length);
}

// CVE-2026-68552: a length that wraps in 16 bits once the header is added.
TEST(MessageView, TheLongestLengthDoesNotWrap) {
  EXPECT_EQ(RawMessage().length(0xFFFC).parse().error(), ParseError::wrong_length);

  RawMessage longest;
  longest.attribute(Type::data, std::string(0xFFFC - 4 - 24, 'x'));
  longest.attribute(Type::message_integrity, kMac);
  ASSERT_EQ(longest.bytes().size(), 20u + 0xFFFC);
  const auto message = longest.parse();
  ASSERT_TRUE(message);
  EXPECT_EQ(message->integrity_offset(), 20u + 0xFFFC - 24);
  EXPECT_EQ(message->value(Type::message_integrity)->size(), 20u);
}

TEST(MessageView, AnAttributeEndsWithinTheMessage) {
  EXPECT_EQ(RawMessage().append(from_hex("0013 0001")).parse().error(),
            ParseError::truncated_attribute);
  EXPECT_EQ(RawMessage().append(from_hex("0013 0005 61626364")).parse().error(),
            ParseError::truncated_attribute);
  EXPECT_EQ(RawMessage().append(from_hex("0013 ffff 61626364")).parse().error(),
            ParseError::truncated_attribute);
}

TEST(MessageView, WhatDoesNotExistMustBeWellFormedToo) {
  EXPECT_EQ(RawMessage()
                .attribute(Type::fingerprint, kCrc)
                .append(from_hex("0013 0005 61626364"))
                .parse()
                .error(),
            ParseError::truncated_attribute);
}

TEST(MessageView, ManyAttributesAreBounded) {
  RawMessage raw;
  for (size_t i = 0; i < kMaxAttributes; ++i) raw.attribute(Type::dont_fragment, "");
  EXPECT_TRUE(raw.parse());
  EXPECT_EQ(raw.attribute(Type::dont_fragment, "").parse().error(),
            ParseError::too_many_attributes);
}

// CVE-2026-40613: aligned loads from wherever the message happens to lie.
TEST(MessageView, IsReadAtAnyAddress) {
  const auto bytes = vector_file("rfc5769-2.1-request");
  for (size_t shift = 0; shift < 8; ++shift) {
    std::vector<uint8_t> shifted(shift, 0);
    shifted.insert(shifted.end(), bytes.begin(), bytes.end());
    const auto message = MessageView::parse(Bytes{shifted}.subspan(shift));
    ASSERT_TRUE(message);
    EXPECT_EQ(message->text(Type::username), "evtj:h6vY");
  }
}

TEST(MessageView, PaddingIsNotPartOfTheValue) {
  const auto raw = RawMessage().attribute(Type::username, "abcde", 0xAA).attribute(Type::data, "");
  const auto message = raw.parse();
  EXPECT_EQ(message->text(Type::username), "abcde");
  EXPECT_TRUE(message->value(Type::data)->empty());
}

TEST(MessageView, TheFirstOfSeveralCounts) {
  const auto raw = RawMessage().attribute(Type::realm, "first").attribute(Type::realm, "second");
  EXPECT_EQ(raw.parse()->text(Type::realm), "first");
  EXPECT_THAT(types_of(raw), ElementsAre(Type::realm, Type::realm));
}

TEST(MessageView, AnAbsentAttributeIsNothing) {
  const auto raw = RawMessage().attribute(Type::realm, "");
  const auto message = raw.parse();
  EXPECT_FALSE(message->has(Type::nonce));
  EXPECT_FALSE(message->value(Type::nonce));
  EXPECT_FALSE(message->text(Type::nonce));
  EXPECT_EQ(message->text(Type::realm), "");
}

TEST(MessageView, TextIsReadUpTo763Bytes) {
  const auto longest = RawMessage().attribute(Type::realm, std::string(763, 'x'));
  EXPECT_EQ(longest.parse()->text(Type::realm)->size(), 763u);
  const auto too_long = RawMessage().attribute(Type::realm, std::string(764, 'x'));
  EXPECT_FALSE(too_long.parse()->text(Type::realm));
}

TEST(MessageView, BehindIntegrityOnlySha256AndFingerprintExist) {
  const auto raw = RawMessage()
                       .attribute(Type::username, "alice")
                       .attribute(Type::message_integrity, kMac)
                       .attribute(Type::username, "mallory")
                       .attribute(Type::xor_peer_address, "12345678")
                       .attribute(Type::message_integrity_sha256, kMac256)
                       .attribute(Type::lifetime, "1234")
                       .attribute(Type::fingerprint, kCrc);
  EXPECT_THAT(types_of(raw), ElementsAre(Type::username, Type::message_integrity,
                                         Type::message_integrity_sha256, Type::fingerprint));
  EXPECT_EQ(raw.parse()->text(Type::username), "alice");
  EXPECT_FALSE(raw.parse()->has(Type::xor_peer_address));
  EXPECT_FALSE(raw.parse()->has(Type::lifetime));
}

TEST(MessageView, BehindSha256OnlyFingerprintExists) {
  const auto raw = RawMessage()
                       .attribute(Type::message_integrity_sha256, kMac256)
                       .attribute(Type::message_integrity, kMac)
                       .attribute(Type::lifetime, "1234")
                       .attribute(Type::fingerprint, kCrc);
  EXPECT_THAT(types_of(raw), ElementsAre(Type::message_integrity_sha256, Type::fingerprint));
  EXPECT_EQ(raw.parse()->integrity_offset(), 0u);
}

TEST(MessageView, BehindFingerprintNothingExists) {
  const auto raw = RawMessage()
                       .attribute(Type::fingerprint, kCrc)
                       .attribute(Type::message_integrity, kMac)
                       .attribute(Type::lifetime, "1234");
  EXPECT_THAT(types_of(raw), ElementsAre(Type::fingerprint));
  EXPECT_EQ(raw.parse()->integrity_offset(), 0u);
}

TEST(MessageView, ASecondIntegrityDoesNotExist) {
  const auto raw = RawMessage()
                       .attribute(Type::message_integrity, kMac)
                       .attribute(Type::message_integrity, kMac)
                       .attribute(Type::message_integrity_sha256, kMac256)
                       .attribute(Type::message_integrity_sha256, kMac256);
  EXPECT_THAT(types_of(raw), ElementsAre(Type::message_integrity, Type::message_integrity_sha256));
  EXPECT_EQ(raw.parse()->integrity_offset(), 20u);
  EXPECT_EQ(raw.parse()->integrity_sha256_offset(), 20u + 24 + 24);
}

TEST(MessageView, AnIntegrityOfAWrongLengthStillEndsTheAttributes) {
  const auto raw =
      RawMessage().attribute(Type::message_integrity, "").attribute(Type::lifetime, "1234");
  EXPECT_THAT(types_of(raw), ElementsAre(Type::message_integrity));
}

}  // namespace
}  // namespace uturn
