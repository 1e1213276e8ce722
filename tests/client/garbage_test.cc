// Garbage: whatever arrives, the client neither believes nor trips over it.
#include "tests/client/conversation.h"

namespace uturn {
namespace {

using enum AttributeType;

/// A client with everything: an allocation, a permission, a channel and a request on its way.
struct Busy {
  Conversation talk;
  Message outstanding;
  Busy() : outstanding(prepare()) {}
  Message prepare() {
    talk.allocate({}, 3600s);
    talk.create_permission("198.51.100.7");
    talk.bind_channel("198.51.100.7:5000");
    talk.client.refresh(600s, talk.now());
    return talk.request(Method::refresh);
  }
  std::vector<uint8_t> answer() const {
    std::vector<uint8_t> buffer(500);
    MessageBuilder message{buffer, Method::refresh, MessageClass::success, outstanding.id()};
    message.add_u32(lifetime, 600);
    message.add_integrity(Conversation::key_of(outstanding).bytes());
    const Bytes bytes = message.finish();
    return {bytes.begin(), bytes.end()};
  }
  bool still_works() {
    talk.deliver(answer());
    const auto event = talk.client.poll_event();
    return event && std::holds_alternative<Refreshed>(*event);
  }
};

TEST(Garbage, EveryPrefixOfAnAnswerIsHarmless) {
  Busy client;
  const auto answer = client.answer();
  for (size_t size = 0; size < answer.size(); ++size) {
    client.talk.deliver(Bytes{answer}.first(size));
    EXPECT_TRUE(client.talk.no_event()) << size;
  }
  EXPECT_TRUE(client.still_works());
}

TEST(Garbage, NoFlippedBitOfASignedAnswerIsBelieved) {
  Busy client;
  const auto answer = client.answer();
  for (size_t bit = 0; bit < 8 * answer.size(); ++bit) {
    auto flipped = answer;
    flipped[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    client.talk.deliver(flipped);
    const auto event = client.talk.client.poll_event();
    EXPECT_FALSE(event && std::holds_alternative<Refreshed>(*event)) << bit;
  }
  EXPECT_TRUE(client.still_works());
}

TEST(Garbage, EveryFirstByteIsTolerated) {
  Busy client;
  for (int first = 0; first < 256; ++first) {
    for (const size_t size : {1u, 3u, 4u, 20u, 64u}) {
      std::vector<uint8_t> datagram(size, 0xFF);
      datagram[0] = static_cast<uint8_t>(first);
      client.talk.deliver(datagram);
      EXPECT_TRUE(client.talk.no_event());
    }
  }
  client.talk.deliver({});
  EXPECT_TRUE(client.still_works());
}

TEST(Garbage, OurOwnRequestReflectedIsIgnored) {
  Busy client;
  client.talk.deliver(client.outstanding.bytes());
  EXPECT_TRUE(client.talk.no_event());
  EXPECT_TRUE(client.still_works());
}

TEST(Garbage, AnAnswerToNothingIsIgnored) {
  Conversation talk;
  std::array<uint8_t, 100> buffer;
  MessageBuilder message{buffer, Method::allocate, MessageClass::success, TransactionId{{1}}};
  message.add_u32(lifetime, 600);
  talk.deliver(message.finish());
  EXPECT_TRUE(talk.no_event());
  EXPECT_EQ(talk.client.state(), TurnClient::State::idle);
}

TEST(Garbage, AWrongFingerprintMakesItNoMessage) {
  Conversation talk;
  talk.client.allocate({}, talk.now());
  const Message request = talk.request(Method::allocate);
  talk.answer(
      request, MessageClass::error,
      [](MessageBuilder& message) {
        message.add_error(ErrorCode::unauthenticated).add_text(realm, "example.org");
        message.add_text(nonce, "n-1").add_u32(fingerprint, 0x12345678);
      },
      std::nullopt);
  EXPECT_TRUE(talk.is_silent());
  talk.challenge(request, ErrorCode::unauthenticated);
  talk.request(Method::allocate);
}

}  // namespace
}  // namespace uturn
