// Any chunking of a stream gives the same frames.
#include <gtest/gtest.h>

#include "protocol/message_view.h"
#include "protocol/stream_framing.h"
#include "tests/property/seeded.h"
#include "tests/protocol/hex.h"
#include "tests/protocol/read_everything.h"

namespace uturn {
namespace {

/// A receiver: keeps what has not become a frame yet, in a buffer of exactly that size.
class Receiver {
 public:
  void receive(Bytes chunk) {
    buffer_.insert(buffer_.end(), chunk.begin(), chunk.end());
    while (!closed_) {
      ExactCopy copy(buffer_);
      const auto frame = next_frame(copy.bytes());
      if (!frame) {
        closed_ = frame.error() == FramingError::not_turn;
        return;
      }
      frames_.push_back(to_hex(copy.bytes().first(frame->size)));
      buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<ptrdiff_t>(frame->consumed));
    }
  }
  bool closed() const { return closed_; }
  size_t waiting() const { return buffer_.size(); }
  const std::vector<std::string>& frames() const { return frames_; }

 private:
  std::vector<uint8_t> buffer_;
  std::vector<std::string> frames_;
  bool closed_ = false;
};

std::vector<uint8_t> stun_frame(Seeded& random) {
  auto frame = from_hex("0001 0000 2112a442 000000000000000000000000");
  const size_t length = 4 * (random.one_in(50) ? 16'383 - random.below(3) : random.below(50));
  store_be16(frame.data() + 2, static_cast<uint16_t>(length));
  frame.resize(kStunHeaderSize + length, random.byte());
  return frame;
}

std::vector<uint8_t> channel_data_frame(Seeded& random) {
  const size_t length = random.one_in(50) ? 65'535 - random.below(8) : random.below(200);
  std::vector<uint8_t> frame(4 + length, random.byte());
  store_be16(frame.data(), static_cast<uint16_t>(0x4000 + random.below(0x4000)));
  store_be16(frame.data() + 2, static_cast<uint16_t>(length));
  return frame;
}

TEST(StreamProperty, AnyChunkingGivesTheFramesThatWereSent) {
  for_seeds(300, [](Seeded& random) {
    std::vector<uint8_t> stream;
    std::vector<std::string> sent;
    for (size_t i = random.below(10); i > 0; --i) {
      const auto frame = random.one_in(2) ? stun_frame(random) : channel_data_frame(random);
      sent.push_back(to_hex(frame));
      stream.insert(stream.end(), frame.begin(), frame.end());
      stream.insert(stream.end(), padding_of(frame.size()), random.byte());
    }
    Receiver receiver;
    const size_t longest_chunk = random.one_in(2) ? 40'000 : 3 + stream.size() / 50;
    for (Bytes rest = stream; !rest.empty();) {
      const size_t size = std::min(rest.size(), 1 + random.below(longest_chunk));
      receiver.receive(rest.first(size));
      rest = rest.subspan(size);
    }
    EXPECT_EQ(receiver.frames(), sent);
    EXPECT_EQ(receiver.waiting(), 0u);
    EXPECT_FALSE(receiver.closed());
  });
}

// Also where the stream is rubbish: byte by byte and all at once end in the same state.
TEST(StreamProperty, AnyChunkingOfRubbishEndsTheSame) {
  for_seeds(2'000, [](Seeded& random) {
    std::vector<uint8_t> stream;
    for (size_t i = random.below(4); i > 0; --i) {
      auto frame = channel_data_frame(random);
      frame.resize(frame.size() + padding_of(frame.size()));
      if (frame.size() < 300) stream.insert(stream.end(), frame.begin(), frame.end());
    }
    const auto rubbish = random.bytes(random.below(100));
    stream.insert(stream.end(), rubbish.begin(), rubbish.end());

    Receiver whole, by_byte;
    whole.receive(stream);
    for (const uint8_t byte : stream) by_byte.receive({&byte, 1});
    EXPECT_EQ(whole.frames(), by_byte.frames());
    EXPECT_EQ(whole.closed(), by_byte.closed());
  });
}

// A frame that is not there yet is never longer than the longest: a bounded buffer is enough.
TEST(StreamProperty, AFullBufferAlwaysDecides) {
  for_seeds(300, [](Seeded& random) {
    auto bytes = random.bytes(kMaxFrameSize);
    if (random.one_in(2)) bytes[0] = static_cast<uint8_t>(random.below(4));
    if (random.one_in(2)) store_be32(bytes.data() + 4, kMagicCookie);
    const auto frame = next_frame(bytes);
    EXPECT_TRUE(frame.has_value() || frame.error() == FramingError::not_turn);
  });
}

}  // namespace
}  // namespace uturn
