// Stream framing: where frames end, what waits and what ends a connection.
#include "protocol/stream_framing.h"

#include <gtest/gtest.h>

#include "protocol/message_view.h"
#include "tests/protocol/raw_message.h"

namespace uturn {
namespace {

void expect_frame(Bytes stream, FrameKind kind, size_t size, size_t consumed) {
  const auto frame = next_frame(stream);
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->kind, kind);
  EXPECT_EQ(frame->size, size);
  EXPECT_EQ(frame->consumed, consumed);
}

TEST(StreamFraming, AStunMessageEndsWhereItsLengthSays) {
  auto stream = RawMessage().attribute(AttributeType::realm, "r").bytes();
  expect_frame(stream, FrameKind::stun, 28, 28);
  stream.push_back(0x40);  // the next frame has begun
  expect_frame(stream, FrameKind::stun, 28, 28);
}

TEST(StreamFraming, ChannelDataIsPaddedToFour) {
  expect_frame(from_hex("4001 0005 68656c6c6f 000000"), FrameKind::channel_data, 9, 12);
  expect_frame(from_hex("4001 0004 68656c6c"), FrameKind::channel_data, 8, 8);
  expect_frame(from_hex("4001 0000"), FrameKind::channel_data, 4, 4);
}

TEST(StreamFraming, AFrameIsThereWhenAllOfItIs) {
  const auto stun = RawMessage().attribute(AttributeType::realm, "realm").bytes();
  const auto channel_data = from_hex("4001 0005 68656c6c6f 000000");
  for (const auto& stream : {stun, channel_data}) {
    for (size_t arrived = 0; arrived < stream.size(); ++arrived)
      EXPECT_EQ(next_frame(Bytes{stream}.first(arrived)).error(), FramingError::incomplete)
          << arrived;
    EXPECT_TRUE(next_frame(stream));
  }
}

TEST(StreamFraming, WhatIsNeitherEndsTheConnectionAtItsFirstByte) {
  for (const std::string_view hex : {"04", "14", "16 03 01", "3f", "80", "ff"})
    EXPECT_EQ(next_frame(from_hex(hex)).error(), FramingError::not_turn) << hex;
}

TEST(StreamFraming, AStunLengthIsAMultipleOfFour) {
  EXPECT_EQ(next_frame(from_hex("00010001")).error(), FramingError::not_turn);
  EXPECT_EQ(next_frame(from_hex("00010002")).error(), FramingError::not_turn);
  EXPECT_EQ(next_frame(from_hex("00010004")).error(), FramingError::incomplete);
}

TEST(StreamFraming, AWrongCookieEndsTheConnection) {
  EXPECT_EQ(next_frame(from_hex("00010000 2112a442")).error(), FramingError::incomplete);
  EXPECT_EQ(next_frame(from_hex("00010000 2112a443")).error(), FramingError::not_turn);
}

TEST(StreamFraming, ReservedChannelNumbersAreFramesToBeDropped) {
  expect_frame(from_hex("5000 0000"), FrameKind::channel_data, 4, 4);
  expect_frame(from_hex("7fff 0000"), FrameKind::channel_data, 4, 4);
}

// CVE-2026-68552: lengths near 65,535 once the header is added.
TEST(StreamFraming, LengthsNear65535DoNotWrap) {
  for (uint32_t length = 65'500; length <= 65'535; ++length) {
    std::vector<uint8_t> stream(kMaxFrameSize + 4);
    store_be16(stream.data(), 0x4000);
    store_be16(stream.data() + 2, static_cast<uint16_t>(length));
    const size_t size = 4 + length;
    expect_frame(stream, FrameKind::channel_data, size, (size + 3) / 4 * 4);
    EXPECT_EQ(next_frame(Bytes{stream}.first(4 + length - 1)).error(), FramingError::incomplete);

    store_be16(stream.data(), 0x0001);
    store_be32(stream.data() + 4, kMagicCookie);
    if (length % 4 == 0)
      expect_frame(stream, FrameKind::stun, 20 + length, 20 + length);
    else
      EXPECT_EQ(next_frame(stream).error(), FramingError::not_turn);
  }
}

TEST(StreamFraming, NoFrameIsLongerThanTheLongest) {
  std::vector<uint8_t> stream(kMaxFrameSize);
  store_be16(stream.data(), 0x0001);
  store_be16(stream.data() + 2, 0xFFFC);
  store_be32(stream.data() + 4, kMagicCookie);
  expect_frame(stream, FrameKind::stun, kMaxFrameSize, kMaxFrameSize);
  store_be16(stream.data(), 0x4000);
  store_be16(stream.data() + 2, 0xFFFF);
  EXPECT_LE(next_frame(stream)->consumed, kMaxFrameSize);
}

}  // namespace
}  // namespace uturn
