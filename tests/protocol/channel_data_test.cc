// ChannelData over datagrams.
#include "protocol/channel_data.h"

#include <gtest/gtest.h>

#include "protocol/message_view.h"
#include "tests/protocol/hex.h"

namespace uturn {
namespace {

TEST(ChannelData, IsAChannelALengthAndData) {
  auto datagram = from_hex("4001 0005 68656c6c6f");
  const auto view = parse_channel_data(datagram);
  ASSERT_TRUE(view);
  EXPECT_EQ(view->channel.value(), 0x4001);
  EXPECT_EQ(text_of(view->data), "hello");
  EXPECT_EQ(view->data.data(), datagram.data() + 4);  // in place
}

// RFC 8656, Section 12.5: over UDP the padding is not required but may be included.
TEST(ChannelData, PaddingBehindTheDataIsLeftOut) {
  auto datagram = from_hex("4001 0005 68656c6c6f ffffff");
  EXPECT_EQ(text_of(parse_channel_data(datagram)->data), "hello");
}

TEST(ChannelData, MayBeEmpty) {
  auto datagram = from_hex("4fff 0000");
  ASSERT_TRUE(parse_channel_data(datagram));
  EXPECT_TRUE(parse_channel_data(datagram)->data.empty());
}

TEST(ChannelData, ShorterThanItSaysIsNone) {
  for (const std::string_view hex :
       {"", "40", "4001", "400100", "40010001", "4001ffff aabbccdd", "4001 0005 68656c6c"}) {
    auto datagram = from_hex(hex);
    EXPECT_FALSE(parse_channel_data(datagram)) << hex;
  }
}

TEST(ChannelData, TheLongestFits) {
  std::vector<uint8_t> datagram(4 + 65'535);
  write_channel_header(std::span{datagram}.first<4>(), *ChannelNumber::from_wire(0x4000), 65'535);
  EXPECT_EQ(parse_channel_data(datagram)->data.size(), 65'535u);
}

TEST(ChannelData, TheHeaderIsWrittenInPlace) {
  std::array<uint8_t, 4> header;
  write_channel_header(header, *ChannelNumber::from_wire(0x4abc), 0x0102);
  EXPECT_EQ(to_hex(header), "4abc0102");
}

TEST(ChannelNumber, LiesBetweenStunAndTheReservedRange) {
  EXPECT_FALSE(ChannelNumber::from_wire(0x3FFF));
  EXPECT_FALSE(ChannelNumber::from_wire(0x8000));
  EXPECT_TRUE(ChannelNumber::from_wire(0x4000)->is_in(ChannelRange::rfc8656));
  EXPECT_TRUE(ChannelNumber::from_wire(0x4FFF)->is_in(ChannelRange::rfc8656));
  EXPECT_FALSE(ChannelNumber::from_wire(0x5000)->is_in(ChannelRange::rfc8656));
  EXPECT_TRUE(ChannelNumber::from_wire(0x7FFF)->is_in(ChannelRange::rfc5766));
}

TEST(ChannelNumber, ADatagramOutsideIsNone) {
  for (const std::string_view hex : {"3fff0000", "80000000", "00010000"}) {
    auto datagram = from_hex(hex);
    EXPECT_FALSE(parse_channel_data(datagram)) << hex;
  }
}

// RFC 7983, Section 7.
TEST(FirstByte, TellsChannelDataFromOthers) {
  for (int byte = 0; byte < 256; ++byte) {
    const auto first = static_cast<uint8_t>(byte);
    EXPECT_EQ(looks_like_stun(first), byte <= 3);
    EXPECT_EQ(looks_like_channel_data(first, ChannelRange::rfc8656), byte >= 64 && byte <= 79);
    EXPECT_EQ(looks_like_channel_data(first, ChannelRange::rfc5766), byte >= 64 && byte <= 127);
  }
}

}  // namespace
}  // namespace uturn
