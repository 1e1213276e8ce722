// Incoming bytes: frames out of reads, what is kept between them, and what it costs.
#include "server/streams/incoming_bytes.h"

#include <gtest/gtest.h>

#include "protocol/message_view.h"
#include "tests/protocol/hex.h"
#include "tests/streams/reading.h"

namespace uturn {
namespace {

class Incoming : public testing::Test {
 protected:
  BlockPool pool{64};
  SharedIncoming shared{pool};
  IncomingBytes kept{shared};
  Reading reading{kept};
};

std::vector<uint8_t> channel_data_of(size_t length) {
  std::vector<uint8_t> frame = from_hex("4000 0000");
  store_be16(&frame[2], static_cast<uint16_t>(length));
  for (size_t i = 0; i < length; ++i) frame.push_back(static_cast<uint8_t>(i * 7 + i / 251));
  return frame;
}

TEST_F(Incoming, WholeFramesAreNeitherCopiedNorKept) {
  EXPECT_EQ(
      reading.receive(from_hex("4000 0004 61626364 0001 0000 2112a442 000000000000000000000000"
                               "4001 0001 61 000000")),
      IncomingError::incomplete);
  EXPECT_EQ(reading.frames,
            (std::vector<std::string>{"4000000461626364",
                                      "000100002112a442000000000000000000000000", "4001000161"}));
  EXPECT_EQ(shared.copied, 0u);
  EXPECT_EQ(kept.size(), 0u);
  EXPECT_EQ(pool.taken(), 0u);
}

TEST_F(Incoming, AFrameInTwoReadsIsPutTogether) {
  EXPECT_EQ(reading.receive(from_hex("4000 0004 6162")), IncomingError::incomplete);
  EXPECT_TRUE(reading.frames.empty());
  EXPECT_EQ(kept.size(), 6u);
  EXPECT_EQ(pool.taken(), 1u);
  EXPECT_EQ(reading.receive(from_hex("6364 4001 0000")), IncomingError::incomplete);
  EXPECT_EQ(reading.frames, (std::vector<std::string>{"4000000461626364", "40010000"}));
  EXPECT_EQ(pool.taken(), 0u) << "an idle connection keeps nothing";
}

// The proof that reading costs O(bytes): whatever the pieces, a byte is copied in once and out
// once.
TEST_F(Incoming, AByteIsCopiedTwiceAtMostHoweverSmallThePieces) {
  for (const size_t length : {65'535u, 65'532u, 4'000u, 20u}) {
    auto frame = channel_data_of(length);
    const std::string sent = to_hex(frame);
    frame.resize(frame.size() + padding_of(frame.size()));
    for (const size_t piece : {1u, 2u, 7u, 1'448u, 16'384u}) {
      shared.copied = 0;
      reading.frames.clear();
      for (Bytes rest = frame; !rest.empty();) {
        const size_t size = std::min(piece, rest.size());
        ASSERT_EQ(reading.receive(rest.first(size)), IncomingError::incomplete);
        rest = rest.subspan(size);
      }
      EXPECT_EQ(reading.frames, std::vector<std::string>{sent});
      EXPECT_LE(shared.copied, 2 * frame.size());
      EXPECT_EQ(pool.taken(), 0u);
    }
  }
}

TEST_F(Incoming, AFrameIsTooLongAsSoonAsItSaysSo) {
  reading.longest = 1'000;
  EXPECT_EQ(reading.receive(channel_data_of(996)), IncomingError::incomplete);
  EXPECT_EQ(reading.frames.size(), 1u);
  EXPECT_EQ(reading.receive(from_hex("4000 03e5")), IncomingError::too_long);
  EXPECT_EQ(pool.taken(), 0u);
}

TEST_F(Incoming, AFrameIsTooLongInPiecesToo) {
  reading.longest = 1'000;
  EXPECT_EQ(reading.receive(from_hex("4000 03")), IncomingError::incomplete);
  EXPECT_EQ(reading.receive(from_hex("e5")), IncomingError::too_long);
}

TEST_F(Incoming, WhatIsNoTurnEndsIt) {
  EXPECT_EQ(reading.receive(from_hex("4000 0000 ff")), IncomingError::not_turn);
  EXPECT_EQ(reading.frames.size(), 1u);
}

TEST_F(Incoming, WhatIsNoTurnEndsItInPiecesToo) {
  EXPECT_EQ(reading.receive(from_hex("0001 0000 2112")), IncomingError::incomplete);
  EXPECT_EQ(reading.receive(from_hex("a4 43")), IncomingError::not_turn);
}

TEST_F(Incoming, WithoutABlockTheConnectionEnds) {
  std::vector<Block*> others;
  while (Block* const block = pool.take()) others.push_back(block);
  EXPECT_EQ(reading.receive(from_hex("4000 0000 4000 0004 61626364")), IncomingError::incomplete)
      << "whole frames need none";
  EXPECT_EQ(reading.receive(from_hex("4000 0004 61")), IncomingError::no_block);
  for (Block* const block : others) pool.give_back(block);
}

TEST_F(Incoming, AConnectionThatEndsGivesItsBlocksBack) {
  {
    IncomingBytes another(shared);
    Reading(another).receive(Bytes{channel_data_of(20'000)}.first(18'000));
    EXPECT_EQ(pool.taken(), 5u);
  }
  EXPECT_EQ(pool.taken(), 0u);
}

// RFC 6062, Section 4.4: what comes behind ConnectionBind is the application's.
TEST_F(Incoming, WhatIsBehindAFrameMayBeNoFrame) {
  auto buffer = from_hex("4000 0000 ff fe fd");
  IncomingRead read(kept, buffer, buffer.size());
  ASSERT_TRUE(read.next_frame());
  EXPECT_EQ(to_hex(read.rest()), "fffefd");
}

// A connection that waits for an answer keeps what comes, and frames are cut from it later.
TEST_F(Incoming, WholeFramesMayBeKept) {
  auto buffer = from_hex("4000 0000 4001 0000 4002 00");
  IncomingRead first(kept, buffer, buffer.size());
  ASSERT_TRUE(first.next_frame());
  EXPECT_TRUE(first.keep_rest());
  EXPECT_EQ(kept.size(), 7u);

  EXPECT_EQ(reading.receive({}), IncomingError::incomplete);
  EXPECT_EQ(reading.receive(from_hex("00")), IncomingError::incomplete);
  EXPECT_EQ(reading.frames, (std::vector<std::string>{"40010000", "40020000"}));
}

// A PROXY header and the first bytes come in any pieces as well.
TEST_F(Incoming, WhatIsNoFrameIsSeenInOnePiece) {
  auto buffer = from_hex("00 00 0d0a");
  IncomingRead first(kept, buffer, 2);
  EXPECT_EQ(to_hex(first.rest()), "0d0a");
  EXPECT_TRUE(first.keep_rest());

  buffer = from_hex("00 00 00 0d 40 00");
  IncomingRead second(kept, buffer, 3);
  EXPECT_EQ(to_hex(second.rest()), "0d0a0d4000");
  second.consume(3);
  EXPECT_TRUE(second.keep_rest());
  EXPECT_EQ(reading.receive(from_hex("00 00")), IncomingError::incomplete);
  EXPECT_EQ(reading.frames, std::vector<std::string>{"40000000"});
}

}  // namespace
}  // namespace uturn
