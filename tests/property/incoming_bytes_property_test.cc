// Any split of a stream into reads gives the same frames, and copies each byte twice at most.
#include <gtest/gtest.h>

#include "protocol/message_view.h"
#include "tests/property/seeded.h"
#include "tests/streams/reading.h"

namespace uturn {
namespace {

std::vector<uint8_t> random_frame(Seeded& random) {
  const bool stun = random.one_in(3);
  const size_t length = random.one_in(30) ? 65'532 - 4 * random.below(3) : random.below(1'500);
  auto frame = from_hex(stun ? "0001 0000 2112a442 000000000000000000000000" : "4000 0000");
  const size_t body = stun ? length / 4 * 4 : length;
  store_be16(&frame[2], static_cast<uint16_t>(body));
  frame.resize(frame.size() + body, random.byte());
  return frame;
}

TEST(IncomingBytesProperty, AnySplitGivesTheFramesThatWereSent) {
  for_seeds(300, [](Seeded& random) {
    std::vector<uint8_t> stream;
    std::vector<std::string> sent;
    for (size_t i = random.below(20); i > 0; --i) {
      const auto frame = random_frame(random);
      sent.push_back(to_hex(frame));
      stream.insert(stream.end(), frame.begin(), frame.end());
      stream.insert(stream.end(), padding_of(frame.size()), random.byte());
    }
    BlockPool pool(32);
    SharedIncoming shared{pool};
    IncomingBytes kept(shared);
    Reading reading(kept);
    const size_t longest_read = random.one_in(2) ? 20'000 : 1 + random.below(100);
    for (Bytes rest = stream; !rest.empty();) {
      const size_t size = std::min(rest.size(), 1 + random.below(longest_read));
      ASSERT_EQ(reading.receive(rest.first(size)), IncomingError::incomplete);
      EXPECT_LE(pool.taken() * kBlockBytes, kept.size() + kBlockBytes);
      rest = rest.subspan(size);
    }
    EXPECT_EQ(reading.frames, sent);
    EXPECT_EQ(kept.size(), 0u);
    EXPECT_LE(shared.copied, 2 * stream.size());
  });
}

// Rubbish too: in pieces and at once it ends with the same frames and the same error.
TEST(IncomingBytesProperty, AnySplitOfRubbishEndsTheSame) {
  for_seeds(2'000, [](Seeded& random) {
    std::vector<uint8_t> stream;
    for (size_t i = random.below(4); i > 0; --i) {
      auto frame = random_frame(random);
      frame.resize(frame.size() + padding_of(frame.size()));
      if (frame.size() < 300) stream.insert(stream.end(), frame.begin(), frame.end());
    }
    const auto rubbish = random.bytes(random.below(40));
    stream.insert(stream.end(), rubbish.begin(), rubbish.end());

    BlockPool pool(32);
    SharedIncoming shared{pool};
    IncomingBytes kept_whole(shared), kept_by_byte(shared);
    Reading whole(kept_whole), by_byte(kept_by_byte);
    whole.longest = by_byte.longest = 1'000;
    const IncomingError end = whole.receive(stream);
    IncomingError end_by_byte = IncomingError::incomplete;
    for (size_t at = 0; at < stream.size() && end_by_byte == IncomingError::incomplete; ++at)
      end_by_byte = by_byte.receive({&stream[at], 1});
    EXPECT_EQ(whole.frames, by_byte.frames);
    EXPECT_EQ(end, end_by_byte);
    if (end == IncomingError::incomplete) {
      EXPECT_EQ(kept_whole.size(), kept_by_byte.size());
    }
  });
}

}  // namespace
}  // namespace uturn
