// What the builder writes is what the view reads, and writing that again gives the same bytes.
#include <gtest/gtest.h>

#include <functional>

#include "protocol/fingerprint.h"
#include "protocol/message_builder.h"
#include "protocol/message_integrity.h"
#include "tests/property/seeded.h"
#include "tests/protocol/hex.h"

namespace uturn {
namespace {

using Type = AttributeType;

TransportAddress any_address(Seeded& random) {
  const auto bytes = random.bytes(16);
  const auto port = static_cast<uint16_t>(random.word());
  if (random.one_in(2)) return {IpAddress::v4(std::span{bytes}.first<4>()), port};
  return {IpAddress::v6(std::span{bytes}.first<16>()), port};
}

/// Adds one typed attribute, and keeps what must be read back.
void add_something(MessageBuilder& builder, Seeded& random,
                   std::vector<std::function<void(const AttributeView&, TransactionId)>>& wanted) {
  switch (random.below(9)) {
    case 0: {
      const auto address = any_address(random);
      builder.add_xor_address(Type::xor_peer_address, address);
      wanted.push_back([=](const AttributeView& read, const TransactionId& id) {
        EXPECT_EQ(read.type, Type::xor_peer_address);
        EXPECT_EQ(decode_xor_address(read.value, id), address);
      });
      break;
    }
    case 1: {
      const auto address = any_address(random);
      builder.add_address(Type::other_address, address);
      wanted.push_back([=](const AttributeView& read, const TransactionId&) {
        EXPECT_EQ(decode_address(read.value), address);
      });
      break;
    }
    case 2: {
      const auto value = static_cast<uint32_t>(random.word());
      builder.add_u32(Type::lifetime, value);
      wanted.push_back([=](const AttributeView& read, const TransactionId&) {
        EXPECT_EQ(decode_u32(read.value), value);
      });
      break;
    }
    case 3: {
      const uint64_t token = random.word();
      builder.add_u64(Type::reservation_token, token);
      wanted.push_back([=](const AttributeView& read, const TransactionId&) {
        EXPECT_EQ(decode_reservation_token(read.value), token);
      });
      break;
    }
    case 4: {
      const bool reserve_next = random.one_in(2);
      builder.add_even_port(reserve_next);
      wanted.push_back([=](const AttributeView& read, const TransactionId&) {
        EXPECT_EQ(decode_even_port(read.value), reserve_next);
      });
      break;
    }
    case 5: {
      const IcmpValue icmp{random.byte(), random.byte(), static_cast<uint32_t>(random.word())};
      builder.add_icmp(icmp);
      wanted.push_back([=](const AttributeView& read, const TransactionId&) {
        EXPECT_EQ(decode_icmp(read.value), icmp);
      });
      break;
    }
    case 6: {
      const auto code = static_cast<ErrorCode>(300 + random.below(400));
      const std::string reason(random.below(30), 'r');
      builder.add_error(code, reason);
      wanted.push_back([=](const AttributeView& read, const TransactionId&) {
        EXPECT_EQ(decode_error_code(read.value)->code, static_cast<uint16_t>(code));
        EXPECT_EQ(decode_error_code(read.value)->reason, reason);
      });
      break;
    }
    case 7: {
      const auto family = random.one_in(2) ? AddressFamily::ipv4 : AddressFamily::ipv6;
      builder.add_family(Type::requested_address_family, family);
      wanted.push_back([=](const AttributeView& read, const TransactionId&) {
        EXPECT_EQ(decode_family(read.value), family);
      });
      break;
    }
    default: {
      const auto value = random.bytes(random.below(70));
      builder.add(Type::data, value);
      wanted.push_back([=](const AttributeView& read, const TransactionId&) {
        EXPECT_TRUE(equal(read.value, value));
      });
    }
  }
}

TEST(WireProperty, WhatIsWrittenIsRead) {
  for_seeds(2'000, [](Seeded& random) {
    std::vector<uint8_t> buffer(4'096, 0xAA);
    TransactionId id;
    std::ranges::copy(random.bytes(12), id.bytes.begin());
    const auto method = static_cast<Method>(random.below(0x1000));
    const auto message_class = static_cast<MessageClass>(random.below(4));
    MessageBuilder builder(buffer, method, message_class, id);
    std::vector<std::function<void(const AttributeView&, TransactionId)>> wanted;
    for (size_t i = random.below(20); i > 0; --i) add_something(builder, random, wanted);
    const auto key = random.bytes(random.below(70));
    const bool sha1 = random.one_in(2);
    const bool sha256 = random.one_in(2);
    if (sha1) builder.add_integrity(key);
    if (sha256) builder.add_integrity_sha256(key, 16 + 4 * random.below(5));
    if (random.one_in(2)) builder.add_fingerprint();

    const auto message = MessageView::parse(builder.finish());
    ASSERT_TRUE(message);
    EXPECT_EQ(message->method(), method);
    EXPECT_EQ(message->message_class(), message_class);
    EXPECT_EQ(message->transaction_id(), id);
    auto at = message->begin();
    for (const auto& expect : wanted) expect(*at++, id);
    EXPECT_EQ(verify_integrity(*message, key), sha1);
    EXPECT_EQ(verify_integrity_sha256(*message, key, true), sha256);
    EXPECT_TRUE(fingerprint_is_absent_or_right(*message));
  });
}

// Values as they were read, written anew over other rubbish: the same bytes, so also the same
// padding, and that is zero (CVE-2020-4067).
TEST(WireProperty, WhatIsReadIsWrittenAgain) {
  for_seeds(2'000, [](Seeded& random) {
    std::vector<uint8_t> first_buffer(4'096, 0xAA);
    std::vector<uint8_t> second_buffer(4'096, 0x55);
    MessageBuilder first(first_buffer, Method::allocate, MessageClass::request, TransactionId{});
    for (size_t i = random.below(20); i > 0; --i)
      first.add(static_cast<Type>(0x4000 + random.below(0x1000)), random.bytes(random.below(40)));

    const auto message = MessageView::parse(first.finish());
    ASSERT_TRUE(message);
    MessageBuilder second(second_buffer, message->method(), message->message_class(),
                          message->transaction_id());
    for (const AttributeView attribute : *message) second.add(attribute.type, attribute.value);
    EXPECT_EQ(to_hex(second.finish()), to_hex(first.finish()));
  });
}

// With less room than the message needs, the builder overflows and leaves the rest alone.
TEST(WireProperty, AnyTooSmallBufferOverflowsWithoutDamage) {
  for_seeds(2'000, [](Seeded& random) {
    const size_t room = random.below(200);
    std::vector<uint8_t> buffer(room);  // exactly: the address sanitizer sees a write behind it
    MessageBuilder builder(buffer, Method::binding, MessageClass::success, TransactionId{});
    size_t needed = kStunHeaderSize;
    for (int i = 0; i < 5; ++i) {
      const auto value = random.bytes(random.below(50));
      builder.add(Type::data, value);
      needed += 4 + value.size() + padding_of(value.size());
    }
    EXPECT_EQ(builder.overflowed(), needed > room);
    EXPECT_EQ(builder.finish().size(), needed > room ? 0 : needed);
  });
}

TEST(WireProperty, AddressesAreReadAsTheyAreWritten) {
  for_seeds(5'000, [](Seeded& random) {
    const auto address = any_address(random);
    EXPECT_EQ(TransportAddress::parse(address.to_string()), address);
    EXPECT_EQ(IpAddress::parse(address.ip.to_string()), address.ip);
    EXPECT_EQ(address.ip.canonical().canonical(), address.ip.canonical());
  });
}

}  // namespace
}  // namespace uturn
