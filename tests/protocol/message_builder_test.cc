// MessageBuilder: room, padding, length, and the order it insists on.
#include "protocol/message_builder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "protocol/fingerprint.h"
#include "protocol/message_integrity.h"
#include "tests/protocol/hex.h"

namespace uturn {
namespace {

using Type = AttributeType;

const TransactionId kId{{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}};

TEST(MessageBuilder, WritesTheHeader) {
  std::array<uint8_t, 20> buffer;
  const MessageBuilder builder(buffer, Method::create_permission, MessageClass::error, kId);
  EXPECT_EQ(to_hex(builder.finish()), "011800002112a4420102030405060708090a0b0c");
}

// CVE-2020-4067: what was in the buffer before must not leave with the padding.
TEST(MessageBuilder, PaddingIsZeroInADirtyBuffer) {
  std::array<uint8_t, 256> buffer;
  buffer.fill(0xAA);
  MessageBuilder builder(buffer, Method::binding, MessageClass::request, kId);
  builder.add_text(Type::realm, "r")
      .add_even_port(true)
      .add_error(ErrorCode::bad_request, "no")
      .add_unknown_attributes(std::array{Type::padding})
      .add_text(Type::software, "abc");
  EXPECT_EQ(to_hex(builder.finish().subspan(20)),
            "00140001"
            "72000000"
            "00180001"
            "80000000"
            "00090006"
            "000004006e6f0000"
            "000a0002"
            "00260000"
            "80220003"
            "61626300");
  EXPECT_EQ(buffer[builder.size()], 0xAA);  // and nothing is written behind the message
}

TEST(MessageBuilder, TheLengthIsRightAfterEveryCall) {
  std::array<uint8_t, 256> buffer;
  MessageBuilder builder(buffer, Method::binding, MessageClass::success, kId);
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(MessageView::parse(builder.finish())) << i;
    builder.add_text(Type::software, std::string(i, 'x'));
  }
}

TEST(MessageBuilder, WhatDoesNotFitIsNotWritten) {
  std::array<uint8_t, 32> buffer;
  buffer.fill(0xAA);
  MessageBuilder builder(MutableBytes{buffer}.first(31), Method::binding, MessageClass::success,
                         kId);
  builder.add_u32(Type::lifetime, 1);
  EXPECT_FALSE(builder.overflowed());
  builder.add_flag(Type::dont_fragment);
  EXPECT_TRUE(builder.overflowed());
  EXPECT_TRUE(builder.finish().empty());
  EXPECT_EQ(builder.size(), 28u);
  for (size_t i = 28; i < buffer.size(); ++i) EXPECT_EQ(buffer[i], 0xAA);
}

TEST(MessageBuilder, OnceOverflowedItStaysSo) {
  std::array<uint8_t, 32> buffer;
  MessageBuilder builder(buffer, Method::binding, MessageClass::success, kId);
  builder.add_text(Type::software, "far too long for it").add_flag(Type::dont_fragment);
  builder.add_integrity(bytes_of("key")).add_fingerprint();
  EXPECT_TRUE(builder.overflowed());
  EXPECT_TRUE(builder.finish().empty());
}

TEST(MessageBuilder, ABufferWithoutRoomForAHeaderOverflowsAtOnce) {
  std::array<uint8_t, 19> buffer;
  MessageBuilder builder(buffer, Method::binding, MessageClass::success, kId);
  builder.add_u32(Type::lifetime, 1);
  EXPECT_TRUE(builder.overflowed());
  EXPECT_TRUE(builder.finish().empty());
}

TEST(MessageBuilder, AMessageIsNoLongerThanItsLengthFieldCanSay) {
  std::vector<uint8_t> buffer(80'000);
  const std::vector<uint8_t> value(0xFFFC - 4, 'x');
  MessageBuilder longest(buffer, Method::data, MessageClass::indication, kId);
  longest.add(Type::data, value);
  EXPECT_EQ(longest.finish().size(), 20u + 0xFFFC);
  EXPECT_TRUE(MessageView::parse(longest.finish()));
  EXPECT_TRUE(longest.add_flag(Type::dont_fragment).overflowed());

  MessageBuilder too_long(buffer, Method::data, MessageClass::indication, kId);
  EXPECT_TRUE(too_long.add(Type::data, std::vector<uint8_t>(0xFFFC - 3)).overflowed());
  MessageBuilder wraps(buffer, Method::data, MessageClass::indication, kId);
  EXPECT_TRUE(wraps.add(Type::data, std::vector<uint8_t>(0x10004)).overflowed());
}

TEST(MessageBuilder, SignsWhatStandsBefore) {
  std::array<uint8_t, 256> buffer;
  MessageBuilder builder(buffer, Method::refresh, MessageClass::success, kId);
  builder.add_u32(Type::lifetime, 600)
      .add_integrity(bytes_of("key"))
      .add_integrity_sha256(bytes_of("key"))
      .add_fingerprint();
  const auto message = MessageView::parse(builder.finish());
  ASSERT_TRUE(message);
  EXPECT_TRUE(verify_integrity(*message, bytes_of("key")));
  EXPECT_TRUE(verify_integrity_sha256(*message, bytes_of("key")));
  EXPECT_TRUE(fingerprint_is_absent_or_right(*message));
}

TEST(MessageBuilderDeathTest, RefusesAttributesThatNobodyWouldRead) {
  std::array<uint8_t, 256> buffer;
  MessageBuilder builder(buffer, Method::refresh, MessageClass::success, kId);
  builder.add_integrity(bytes_of("key"));
  EXPECT_DEATH(builder.add_u32(Type::lifetime, 1), "CHECK failed");
  EXPECT_DEATH(builder.add_integrity(bytes_of("key")), "CHECK failed");
  builder.add_fingerprint();
  EXPECT_DEATH(builder.add_integrity_sha256(bytes_of("key")), "CHECK failed");
  EXPECT_DEATH(builder.add_fingerprint(), "CHECK failed");
}

}  // namespace
}  // namespace uturn
