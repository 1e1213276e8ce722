// FINGERPRINT and its CRC.
#include "protocol/fingerprint.h"

#include <gtest/gtest.h>

#include "protocol/message_builder.h"
#include "tests/protocol/raw_message.h"

namespace uturn {
namespace {

using Type = AttributeType;

RawMessage with_fingerprint() {
  std::array<uint8_t, 64> buffer;
  MessageBuilder builder(buffer, Method::binding, MessageClass::request, TransactionId{});
  builder.add_text(Type::username, "alice").add_fingerprint();
  RawMessage raw;
  raw.bytes().assign(builder.finish().begin(), builder.finish().end());
  return raw;
}

TEST(Crc32, GivesThePublishedCheckValue) {
  EXPECT_EQ(crc32(bytes_of("123456789")), 0xCBF43926u);
  EXPECT_EQ(crc32({}), 0u);
}

TEST(Crc32, EightBytesAStepIsTheSameAsBitByBit) {
  std::vector<uint8_t> bytes;
  for (size_t size = 0; size < 40; ++size) {
    uint32_t remainder = 0xFFFFFFFF;
    for (const uint8_t byte : bytes) {
      remainder ^= byte;
      for (int bit = 0; bit < 8; ++bit)
        remainder = (remainder & 1) != 0 ? remainder >> 1 ^ 0xEDB88320 : remainder >> 1;
    }
    EXPECT_EQ(crc32(bytes), ~remainder) << size;
    bytes.push_back(static_cast<uint8_t>(size * 37 + 11));
  }
}

TEST(Fingerprint, AbsentIsFine) {
  EXPECT_TRUE(fingerprint_is_absent_or_right(*RawMessage().parse()));
}

TEST(Fingerprint, OneFlippedBitIsFound) {
  RawMessage raw = with_fingerprint();
  EXPECT_TRUE(fingerprint_is_absent_or_right(*raw.parse()));
  const size_t value_at = raw.bytes().size() - 4;
  for (const size_t at : {size_t{1}, size_t{8}, size_t{24}, value_at, value_at + 3}) {
    raw.bytes()[at] ^= 0x04;
    EXPECT_FALSE(fingerprint_is_absent_or_right(*raw.parse())) << at;
    raw.bytes()[at] ^= 0x04;
  }
}

TEST(Fingerprint, IsTheLastAttribute) {
  RawMessage raw = with_fingerprint();
  raw.attribute(Type::software, "late");
  EXPECT_FALSE(fingerprint_is_absent_or_right(*raw.parse()));

  // Even when the CRC was made for the length that includes the latecomer.
  const Bytes covered = Bytes{raw.bytes()}.first(raw.bytes().size() - 8 - 8);
  store_be32(raw.bytes().data() + covered.size() + 4, fingerprint_of(covered));
  EXPECT_FALSE(fingerprint_is_absent_or_right(*raw.parse()));
}

TEST(Fingerprint, HasFourBytes) {
  for (const size_t length : {0, 1, 3, 5, 8}) {
    RawMessage raw;
    raw.attribute(Type::fingerprint, std::vector<uint8_t>(length));
    if (length >= 3) {  // the value that would be right
      const uint32_t value = fingerprint_of(Bytes{raw.bytes()}.first(20));
      store_be32(raw.bytes().data() + 24, value);
    }
    EXPECT_FALSE(fingerprint_is_absent_or_right(*raw.parse())) << length;
  }
}

}  // namespace
}  // namespace uturn
