// MESSAGE-INTEGRITY, -SHA256 and the HMAC below them.
#include "protocol/message_integrity.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <thread>

#include "protocol/message_builder.h"
#include "tests/protocol/raw_message.h"

namespace uturn {
namespace {

using Type = AttributeType;

const Bytes kKey = bytes_of("VOkJxbRl1RmTxUk/WvJxBt");

/// A signed request, as a raw message that a test may spoil.
RawMessage signed_request(size_t sha256_length = 0) {
  std::array<uint8_t, 256> buffer;
  MessageBuilder builder(buffer, Method::refresh, MessageClass::request, TransactionId{});
  builder.add_text(Type::username, "alice");
  if (sha256_length == 0)
    builder.add_integrity(kKey);
  else
    builder.add_integrity_sha256(kKey, sha256_length);
  RawMessage raw;
  raw.bytes().assign(builder.finish().begin(), builder.finish().end());
  return raw;
}

// RFC 2202, test cases 1, 2 and 6; RFC 4231, test cases 1, 2 and 6.
TEST(Hmac, GivesThePublishedValues) {
  const std::vector<uint8_t> key20(20, 0x0B);
  EXPECT_EQ(to_hex(hmac_sha1(key20, bytes_of("Hi There"))),
            "b617318655057264e28bc0b6fb378c8ef146be00");
  EXPECT_EQ(to_hex(hmac_sha1(bytes_of("Jefe"), bytes_of("what do ya want for nothing?"))),
            "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
  const auto long_text = bytes_of("Test Using Larger Than Block-Size Key - Hash Key First");
  EXPECT_EQ(to_hex(hmac_sha1(std::vector<uint8_t>(80, 0xAA), long_text)),
            "aa4ae5e15272d00e95705637ce8a3b55ed402112");
  EXPECT_EQ(to_hex(hmac_sha256(key20, bytes_of("Hi There"))),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(to_hex(hmac_sha256(bytes_of("Jefe"), bytes_of("what do ya want for nothing?"))),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(to_hex(hmac_sha256(std::vector<uint8_t>(131, 0xAA), long_text)),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(Hmac, IsOpenSslsForEveryKeyLengthAroundTheBlock) {
  for (size_t size = 0; size <= 130; ++size) {
    const std::vector<uint8_t> key(size, static_cast<uint8_t>(size));
    const Bytes text = bytes_of("over a, then b");
    std::array<uint8_t, 32> wanted;
    size_t length = 0;
    const uint8_t nothing = 0;
    ASSERT_TRUE(EVP_Q_mac(nullptr, "HMAC", nullptr, "SHA256", nullptr,
                          size == 0 ? &nothing : key.data(), size, text.data(), text.size(),
                          wanted.data(), wanted.size(), &length));
    EXPECT_EQ(to_hex(hmac_sha256(key, text)), to_hex(wanted)) << size;
    EXPECT_EQ(to_hex(hmac_sha256(key, text.first(6), text.subspan(6))), to_hex(wanted)) << size;
  }
}

TEST(Hmac, EveryThreadHasItsOwnContext) {
  const auto wanted = hmac_sha1(kKey, bytes_of("text"));
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 1'000; ++j) EXPECT_EQ(hmac_sha1(kKey, bytes_of("text")), wanted);
    });
  }
}

TEST(ConstantTime, ComparesLengthAndContent) {
  EXPECT_TRUE(equal_in_constant_time(bytes_of("abc"), bytes_of("abc")));
  EXPECT_TRUE(equal_in_constant_time({}, {}));
  EXPECT_FALSE(equal_in_constant_time(bytes_of("abc"), bytes_of("abd")));
  EXPECT_FALSE(equal_in_constant_time(bytes_of("abc"), bytes_of("abcd")));
}

TEST(MessageIntegrity, HoldsForItsKeyOnly) {
  const RawMessage raw = signed_request();
  EXPECT_TRUE(verify_integrity(*raw.parse(), kKey));
  EXPECT_FALSE(verify_integrity(*raw.parse(), bytes_of("another key")));
  EXPECT_FALSE(verify_integrity(*raw.parse(), {}));
  EXPECT_FALSE(verify_integrity_sha256(*raw.parse(), kKey));
}

TEST(MessageIntegrity, AbsentIsNotRight) {
  const RawMessage raw;
  EXPECT_FALSE(verify_integrity(*raw.parse(), kKey));
  EXPECT_FALSE(verify_integrity_sha256(*raw.parse(), kKey));
}

TEST(MessageIntegrity, EveryBitBeforeItAndInItCounts) {
  RawMessage raw = signed_request();
  for (size_t bit = 0; bit < raw.bytes().size() * 8; ++bit) {
    raw.bytes()[bit / 8] ^= static_cast<uint8_t>(1u << bit % 8);
    if (const auto message = raw.parse()) {
      EXPECT_FALSE(verify_integrity(*message, kKey)) << bit;
    }
    raw.bytes()[bit / 8] ^= static_cast<uint8_t>(1u << bit % 8);
  }
  EXPECT_TRUE(verify_integrity(*raw.parse(), kKey));
}

// What is appended behind it neither breaks it (its length is the adjusted one) nor is read.
TEST(MessageIntegrity, HoldsWhateverFollows) {
  for (const size_t sha256_length : {size_t{0}, size_t{32}}) {
    RawMessage raw = signed_request(sha256_length);
    raw.attribute(Type::xor_peer_address, from_hex("0001 0000 00000000"));
    raw.attribute(Type::username, "mallory");
    const auto message = raw.parse();
    EXPECT_TRUE(sha256_length ? verify_integrity_sha256(*message, kKey)
                              : verify_integrity(*message, kKey));
    EXPECT_FALSE(message->has(Type::xor_peer_address));
    EXPECT_EQ(message->text(Type::username), "alice");
  }
}

TEST(MessageIntegrity, OfAWrongLengthIsNotRight) {
  const RawMessage good = signed_request();
  const auto mac = *good.parse()->value(Type::message_integrity);
  for (const size_t length : {0, 4, 16, 19}) {
    RawMessage raw;
    raw.attribute(Type::username, "alice").attribute(Type::message_integrity, mac.first(length));
    EXPECT_FALSE(verify_integrity(*raw.parse(), kKey)) << length;
  }
  std::vector<uint8_t> longer(mac.begin(), mac.end());
  longer.resize(24);
  RawMessage raw;
  raw.attribute(Type::username, "alice").attribute(Type::message_integrity, longer);
  EXPECT_FALSE(verify_integrity(*raw.parse(), kKey));
}

TEST(MessageIntegritySha256, TruncatedIsRefusedUnlessAllowed) {
  EXPECT_TRUE(verify_integrity_sha256(*signed_request(32).parse(), kKey));
  for (const size_t length : {16, 20, 24, 28}) {
    const RawMessage raw = signed_request(length);
    EXPECT_FALSE(verify_integrity_sha256(*raw.parse(), kKey)) << length;
    EXPECT_TRUE(verify_integrity_sha256(*raw.parse(), kKey, true)) << length;
  }
}

// The MACs are right for their lengths, so that only the length can be what is refused.
TEST(MessageIntegritySha256, HasSixteenToThirtyTwoBytesInStepsOfFour) {
  for (const size_t length : {0, 4, 12, 15, 17, 30, 33, 36}) {
    RawMessage raw;
    raw.attribute(Type::message_integrity_sha256, std::vector<uint8_t>(length));
    std::vector<uint8_t> header(raw.bytes().begin(), raw.bytes().begin() + kStunHeaderSize);
    store_be16(header.data() + 2, static_cast<uint16_t>(4 + length));
    const auto mac = hmac_sha256(kKey, header);
    std::copy_n(mac.begin(), std::min<size_t>(length, 32), raw.bytes().begin() + 24);
    EXPECT_FALSE(verify_integrity_sha256(*raw.parse(), kKey, true)) << length;
  }
}

TEST(MessageIntegritySha256, MayFollowTheOlderOneButNotPrecedeIt) {
  std::array<uint8_t, 256> buffer;
  MessageBuilder builder(buffer, Method::binding, MessageClass::request, TransactionId{});
  builder.add_integrity(kKey).add_integrity_sha256(kKey);
  const auto both = MessageView::parse(builder.finish());
  EXPECT_TRUE(verify_integrity(*both, kKey));
  EXPECT_TRUE(verify_integrity_sha256(*both, kKey));

  RawMessage reversed = signed_request(32);
  reversed.attribute(Type::message_integrity, std::vector<uint8_t>(20));
  EXPECT_TRUE(verify_integrity_sha256(*reversed.parse(), kKey));
  EXPECT_FALSE(verify_integrity(*reversed.parse(), kKey));
}

TEST(MessageIntegrity, BehindFingerprintDoesNotCount) {
  RawMessage raw;
  raw.attribute(Type::fingerprint, "1234");
  std::vector<uint8_t> covered = raw.bytes();
  store_be16(covered.data() + 2, static_cast<uint16_t>(covered.size() - 20 + 24));
  raw.attribute(Type::message_integrity, hmac_sha1(kKey, covered));
  EXPECT_FALSE(verify_integrity(*raw.parse(), kKey));
}

}  // namespace
}  // namespace uturn
