// Datagrams that are not for us: counted by reason and dropped, never answered (RFC 8489, 6.3).
#include "tests/relay/test_relay.h"

namespace uturn {
namespace {

class Wire : public testing::Test {
 protected:
  std::vector<uint8_t> message(Method method, MessageClass message_class, const Body& body = {}) {
    std::vector<uint8_t> bytes(200);
    MessageBuilder builder(bytes, method, message_class, TransactionId{{1, 2, 3}});
    if (body) body(builder);
    bytes.resize(builder.size());
    return bytes;
  }
  std::optional<DropReason> drop_of(std::vector<uint8_t> bytes) {
    alice.datagram(std::move(bytes));
    EXPECT_TRUE(alice.hears_nothing());
    return relay.last_drop();
  }
  TestRelay relay;
  TestClient& alice = relay.client("192.0.2.1:4000");
};

TEST_F(Wire, EmptyDatagramIsDropped) { EXPECT_EQ(drop_of({}), DropReason::empty); }

TEST_F(Wire, FirstByteTellsProtocolsApart) {
  for (int first = 0; first < 256; ++first) {
    const auto why = drop_of({static_cast<uint8_t>(first)});
    if (first <= 3) {
      EXPECT_EQ(why, DropReason::too_short) << first;
    } else if (first >= 64 && first <= 79) {
      EXPECT_EQ(why, DropReason::malformed_channel_data) << first;
    } else if (first >= 80 && first <= 127) {
      EXPECT_EQ(why, DropReason::reserved_channel) << first;
    } else {
      EXPECT_EQ(why, DropReason::unknown_protocol) << first;
    }
  }
}

TEST_F(Wire, MalformedMessagesAreDroppedByReason) {
  auto bytes = message(Method::binding, MessageClass::request);
  bytes[4] ^= 1;
  EXPECT_EQ(drop_of(bytes), DropReason::wrong_cookie);
  bytes[4] ^= 1;
  bytes[3] = 8;
  EXPECT_EQ(drop_of(bytes), DropReason::wrong_length);
  bytes[3] = 4;
  bytes.insert(bytes.end(), {0x00, 0x06, 0x00, 0x40});
  EXPECT_EQ(drop_of(bytes), DropReason::truncated_attribute);
}

TEST_F(Wire, TooManyAttributesAreDropped) {
  std::vector<uint8_t> bytes(2'000);
  MessageBuilder builder(bytes, Method::binding, MessageClass::request, {});
  for (size_t i = 0; i <= kMaxAttributes; ++i) builder.add_flag(AttributeType{0x8F00});
  bytes.resize(builder.size());
  EXPECT_EQ(drop_of(bytes), DropReason::too_many_attributes);
}

TEST_F(Wire, ReflectedResponsesAreDropped) {
  EXPECT_EQ(drop_of(message(Method::binding, MessageClass::success)), DropReason::response);
  EXPECT_EQ(drop_of(message(Method::allocate, MessageClass::error)), DropReason::response);
}

TEST_F(Wire, UnknownMethodsAreDropped) {
  EXPECT_EQ(drop_of(message(Method{0x0FF}, MessageClass::request)), DropReason::unknown_method);
  EXPECT_EQ(drop_of(message(Method::data, MessageClass::indication)), DropReason::unknown_method);
}

TEST_F(Wire, ClassesThatAMethodDoesNotHaveAreDropped) {
  EXPECT_EQ(drop_of(message(Method::send, MessageClass::request)), DropReason::wrong_class);
  EXPECT_EQ(drop_of(message(Method::allocate, MessageClass::indication)), DropReason::wrong_class);
  EXPECT_EQ(drop_of(message(Method::refresh, MessageClass::indication)), DropReason::wrong_class);
}

TEST_F(Wire, BindingIndicationsAreKeepAlives) {
  EXPECT_EQ(drop_of(message(Method::binding, MessageClass::indication)),
            DropReason::binding_indication);
}

TEST_F(Wire, WrongFingerprintIsDropped) {
  auto bytes =
      message(Method::binding, MessageClass::request, [](auto& m) { m.add_fingerprint(); });
  bytes.back() ^= 1;
  EXPECT_EQ(drop_of(bytes), DropReason::wrong_fingerprint);
  bytes.back() ^= 1;
  alice.datagram(bytes);
  EXPECT_TRUE(alice.answer().is_success());
}

TEST_F(Wire, KnownButUnexpectedAttributesAreIgnored) {
  EXPECT_TRUE(alice.binding([](auto& m) { m.add_u32(AttributeType::lifetime, 5); }).is_success());
  EXPECT_TRUE(alice.allocate([](auto& m) { m.add_channel_number(0x4000); }).is_success());
}

TEST_F(Wire, OfRepeatedAttributesTheFirstCounts) {
  const Message answer = alice.allocate([](auto& m) {
    m.add_u32(AttributeType::lifetime, 700);
    m.add_u32(AttributeType::lifetime, 800);
  });
  EXPECT_EQ(answer.lifetime(), 700u);
}

TEST_F(Wire, EveryDropReasonHasAName) {
  for (size_t i = 0; i < kDropReasons; ++i) {
    EXPECT_NE(name_of(static_cast<DropReason>(i)), "unknown") << i;
  }
}

// Whatever arrives has one fate: the fixture counts.
TEST_F(Wire, EveryPrefixAndBitFlipOfARequestIsHarmless) {
  alice.allocate();
  const auto bytes = alice.signed_bytes(Method::channel_bind, [](auto& m) {
    m.add_channel_number(0x4000);
    m.add_xor_address(AttributeType::xor_peer_address, address("198.51.100.7:5000"));
  });
  for (size_t size = 0; size < bytes.size(); ++size) {
    alice.datagram({bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)});
  }
  for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    auto flipped = bytes;
    flipped[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    alice.datagram(std::move(flipped));
  }
  while (!alice.hears_nothing()) {  // one bit makes it a Binding request, which anybody may send
    const Message answer = alice.answer();
    EXPECT_TRUE(answer.error() != 0 || answer.is(Method::binding, MessageClass::success));
  }
  alice.channel_data(0x4000, "hello");
  EXPECT_EQ(relay.last_drop(), DropReason::no_channel);
}

}  // namespace
}  // namespace uturn
