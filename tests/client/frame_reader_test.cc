// FrameReader: any cutting of a stream gives the same frames.
#include "client/frame_reader.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/client/conversation.h"

namespace uturn {
namespace {

using Frames = std::vector<std::vector<uint8_t>>;

std::vector<uint8_t> padded(std::vector<uint8_t> frame) {
  frame.resize((frame.size() + 3) / 4 * 4);
  return frame;
}

std::vector<uint8_t> indication(std::string_view data) {
  std::array<uint8_t, 1500> buffer;
  MessageBuilder message{buffer, Method::data, MessageClass::indication, {}};
  message.add_text(AttributeType::data, data);
  const Bytes bytes = message.finish();
  return {bytes.begin(), bytes.end()};
}

/// Both kinds of frames, with and without padding, an empty one among them.
Frames conversation() {
  return {indication("hello"), channel_data(0x4000, "12345"), channel_data(0x4001, ""),
          channel_data(0x4FFF, std::string(1200, 'x')), indication("")};
}

std::vector<uint8_t> stream_of(const Frames& frames) {
  std::vector<uint8_t> stream;
  for (const auto& frame : frames) {
    const auto whole = padded(frame);
    stream.insert(stream.end(), whole.begin(), whole.end());
  }
  return stream;
}

struct Reading {
  bool feed(MutableBytes arrived) {
    return reader.feed(
        arrived, [this](MutableBytes frame) { frames.emplace_back(frame.begin(), frame.end()); });
  }
  FrameReader reader;
  Frames frames;
};

TEST(FrameReader, AnyCuttingGivesTheSameFrames) {
  for (size_t chunk = 1; chunk < stream_of(conversation()).size(); chunk += chunk < 64 ? 1 : 97) {
    auto stream = stream_of(conversation());
    Reading reading;
    for (size_t at = 0; at < stream.size(); at += chunk) {
      ASSERT_TRUE(
          reading.feed(MutableBytes{stream}.subspan(at, std::min(chunk, stream.size() - at))));
      EXPECT_LT(reading.reader.kept(), kMaxFrameSize);
    }
    EXPECT_EQ(reading.frames, conversation()) << "in chunks of " << chunk;
    EXPECT_EQ(reading.reader.kept(), 0u);
  }
}

TEST(FrameReader, TheLongestFrameIsOne) {
  auto frame = channel_data(0x4000, std::string(65'535, 'x'));
  auto stream = padded(frame);
  Reading reading;
  ASSERT_TRUE(reading.feed(MutableBytes{stream}.first(65'000)));
  EXPECT_TRUE(reading.frames.empty());
  ASSERT_TRUE(reading.feed(MutableBytes{stream}.subspan(65'000)));
  EXPECT_EQ(reading.frames, Frames{frame});
}

TEST(FrameReader, AFrameIsThereWhenItsPaddingIs) {
  auto stream = padded(channel_data(0x4000, "12345"));
  Reading reading;
  reading.feed(MutableBytes{stream}.first(9));
  EXPECT_TRUE(reading.frames.empty());
  reading.feed(MutableBytes{stream}.subspan(9));
  EXPECT_EQ(reading.frames.size(), 1u);
}

TEST(FrameReader, WhatIsNotTurnEndsIt) {
  const std::string greeting = "220 mail.example.org ESMTP\r\n";
  std::vector<uint8_t> stream = stream_of({channel_data(0x4000, "last")});
  stream.insert(stream.end(), greeting.begin(), greeting.end());
  Reading at_once;
  EXPECT_FALSE(at_once.feed(stream));
  EXPECT_EQ(at_once.frames.size(), 1u) << "what came before it counts";
  Reading later;
  EXPECT_TRUE(later.feed(MutableBytes{stream}.first(6)));
  EXPECT_FALSE(later.feed(MutableBytes{stream}.subspan(6)));
  EXPECT_EQ(later.frames.size(), 1u);
}

}  // namespace
}  // namespace uturn
