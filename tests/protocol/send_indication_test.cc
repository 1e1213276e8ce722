// The plain Send indication: read at its fixed positions exactly where the walk over attributes
// reads the same.
#include "protocol/send_indication.h"

#include <gtest/gtest.h>

#include "protocol/attributes.h"
#include "protocol/message_builder.h"
#include "tests/property/seeded.h"

namespace uturn {
namespace {

using Type = AttributeType;

constexpr TransactionId kId{{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}};

TransportAddress peer(std::string_view text) { return *TransportAddress::parse(text); }

/// `add` gives it its attributes.
template <class Add>
std::vector<uint8_t> indication(Add add, Method method = Method::send) {
  std::vector<uint8_t> out(70'000);
  MessageBuilder builder(out, method, MessageClass::indication, kId);
  add(builder);
  out.resize(builder.finish().size());
  return out;
}

std::vector<uint8_t> plain(const TransportAddress& to, Bytes data) {
  return indication([&](MessageBuilder& builder) {
    builder.add_xor_address(Type::xor_peer_address, to).add(Type::data, data);
  });
}

TEST(PlainSendIndication, IsReadWhateverItsPeerAndLength) {
  for (const char* to : {"198.51.100.7:5000", "0.0.0.0:0", "255.255.255.255:65535",
                         "[2001:db8::7]:5000", "[::]:1", "[ffff:ffff::ffff]:65535"}) {
    for (const size_t size : {0, 1, 2, 3, 4, 5, 160, 1'200, 1'201, 65'000}) {
      std::vector<uint8_t> data(size);
      for (size_t i = 0; i < size; ++i) data[i] = static_cast<uint8_t>(i * 31 + 1);
      const auto message = plain(peer(to), data);
      const auto read = read_plain_send_indication(message);
      ASSERT_TRUE(read) << to << ", " << size;
      EXPECT_EQ(read->peer, peer(to));
      EXPECT_TRUE(equal(read->data, data));
      EXPECT_FALSE(read->dont_fragment);
    }
  }
}

TEST(PlainSendIndication, IsNoneThatSaysAnythingElse) {
  const auto to = peer("198.51.100.7:5000");
  const std::array<uint8_t, 5> data{1, 2, 3, 4, 5};
  EXPECT_FALSE(read_plain_send_indication(indication([&](MessageBuilder& builder) {
    builder.add(Type::data, data).add_xor_address(Type::xor_peer_address, to);
  })));
  EXPECT_FALSE(read_plain_send_indication(indication([&](MessageBuilder& builder) {
    builder.add_xor_address(Type::xor_peer_address, to).add(Type::data, data);
    builder.add(Type::dont_fragment, Bytes{});
  })));
  EXPECT_FALSE(read_plain_send_indication(indication([&](MessageBuilder& builder) {
    builder.add_xor_address(Type::xor_peer_address, to).add(Type::data, data).add_fingerprint();
  })));
  EXPECT_FALSE(read_plain_send_indication(indication(
      [&](MessageBuilder& builder) { builder.add_xor_address(Type::xor_peer_address, to); })));
  EXPECT_FALSE(read_plain_send_indication(
      indication([&](MessageBuilder& builder) { builder.add(Type::data, data); })));
  EXPECT_FALSE(read_plain_send_indication(indication(
      [&](MessageBuilder& builder) {
        builder.add_xor_address(Type::xor_peer_address, to).add(Type::data, data);
      },
      Method::data)));
}

TEST(PlainSendIndication, CutShortIsNone) {
  for (const char* to : {"198.51.100.7:5000", "[2001:db8::7]:5000"}) {
    const auto message = plain(peer(to), std::array<uint8_t, 5>{});
    for (size_t size = 0; size < message.size(); ++size) {
      const std::vector<uint8_t> cut(message.begin(),
                                     message.begin() + static_cast<std::ptrdiff_t>(size));
      EXPECT_FALSE(read_plain_send_indication(cut)) << size;
    }
  }
}

// Both ways to read must agree, or an attacker has two servers to play against each other.
TEST(PlainSendIndication, IsWhatTheWalkOverAttributesReads) {
  size_t still_plain = 0;
  for_seeds(2'000, [&](Seeded& random) {
    auto message = plain(peer(random.one_in(2) ? "198.51.100.7:5000" : "[2001:db8::7]:5000"),
                         random.bytes(random.below(40)));
    const size_t changes = random.below(3);
    for (size_t i = 0; i < changes; ++i) message[random.below(message.size())] = random.byte();
    if (random.one_in(8)) message.resize(random.below(message.size() + 8));

    const auto read = read_plain_send_indication(message);
    if (!read) return;
    ++still_plain;
    const auto walked = MessageView::parse(message);
    ASSERT_TRUE(walked);
    EXPECT_EQ(walked->method(), Method::send);
    EXPECT_EQ(walked->message_class(), MessageClass::indication);
    const auto address = walked->value(Type::xor_peer_address);
    ASSERT_TRUE(address);
    EXPECT_EQ(decode_xor_address(*address, walked->transaction_id()), read->peer);
    const auto data = walked->value(Type::data);
    ASSERT_TRUE(data);
    EXPECT_EQ(data->data(), read->data.data());
    EXPECT_EQ(data->size(), read->data.size());
    EXPECT_EQ(std::distance(walked->begin(), walked->end()), 2);
  });
  EXPECT_GT(still_plain, 500u);
}

}  // namespace
}  // namespace uturn
