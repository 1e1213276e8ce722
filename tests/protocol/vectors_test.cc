// Every published test vector, field by field, and what was derived from them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "protocol/attributes.h"
#include "protocol/fingerprint.h"
#include "protocol/message_builder.h"
#include "protocol/message_integrity.h"
#include "protocol/message_view.h"
#include "tests/protocol/hex.h"
#include "tests/source_dir.h"

namespace uturn {
namespace {

using Type = AttributeType;
using testing::ElementsAre;

constexpr std::string_view kIcePassword = "VOkJxbRl1RmTxUk/WvJxBt";
constexpr std::string_view kIceTransaction = "b7e7a701bc34d686fa87dfae";

// Username U+30DE U+30C8 U+30EA U+30C3 U+30AF U+30B9, realm example.org, password TheMatrIX.
constexpr std::string_view kMatrix = "\u30DE\u30C8\u30EA\u30C3\u30AF\u30B9";
constexpr std::string_view kMatrixTransaction = "78ad3433c6ad72c029da412e";
constexpr std::string_view kMd5Key = "e8ca7ad59d5eb0518e312911d2dab2a9";
constexpr std::string_view kSha256Key =
    "dd295a613b9058c3c23d6dc7165bda072304d989c9d0af3a8c7e184b4f9bb4a1";
constexpr std::string_view kUserhash =
    "4a3cf38fef6992bda952c6780417da0f24819415569e60b205c46e41407f1704";

/// A vector that must parse, with its bytes.
class Vector {
 public:
  explicit Vector(const std::string& name) : bytes_(vector_file(name)) {
    auto parsed = MessageView::parse(bytes_);
    EXPECT_TRUE(parsed) << name;
    message_ = *parsed;
  }
  const MessageView& message() const { return *message_; }
  std::string hex_of(Type type) const {
    const auto value = message().value(type);
    return value ? to_hex(*value) : "absent";
  }
  std::string_view text_of(Type type) const { return message().text(type).value_or("absent"); }
  std::vector<Type> order() const {
    std::vector<Type> types;
    for (const AttributeView attribute : message()) types.push_back(attribute.type);
    return types;
  }
  std::string mapped() const {
    return decode_xor_address(*message().value(Type::xor_mapped_address),
                              message().transaction_id())
        ->to_string();
  }
  std::string transaction() const { return to_hex(message().transaction_id().bytes); }

 private:
  std::vector<uint8_t> bytes_;
  std::optional<MessageView> message_;
};

void expect_binding(const Vector& vector, MessageClass message_class) {
  EXPECT_EQ(vector.message().method(), Method::binding);
  EXPECT_EQ(vector.message().message_class(), message_class);
}

TEST(Vectors, Rfc5769SampleRequest) {
  const Vector vector("rfc5769-2.1-request");
  expect_binding(vector, MessageClass::request);
  EXPECT_EQ(vector.transaction(), kIceTransaction);
  EXPECT_THAT(vector.order(),
              ElementsAre(Type::software, Type::priority, Type::ice_controlled, Type::username,
                          Type::message_integrity, Type::fingerprint));
  EXPECT_EQ(vector.text_of(Type::software), "STUN test client");
  EXPECT_EQ(vector.text_of(Type::username), "evtj:h6vY");
  EXPECT_EQ(vector.hex_of(Type::priority), "6e0001ff");
  EXPECT_EQ(vector.hex_of(Type::ice_controlled), "932ff9b151263b36");
  EXPECT_EQ(vector.hex_of(Type::message_integrity), "9aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2");
  EXPECT_EQ(vector.hex_of(Type::fingerprint), "e57a3bcf");
  EXPECT_TRUE(verify_integrity(vector.message(), bytes_of(kIcePassword)));
  EXPECT_FALSE(verify_integrity(vector.message(), bytes_of("VOkJxbRl1RmTxUk/WvJxBtx")));
  EXPECT_TRUE(fingerprint_is_absent_or_right(vector.message()));
}

TEST(Vectors, Rfc5769SampleRequestIsPaddedWithSpaces) {
  const auto bytes = vector_file("rfc5769-2.1-request");
  EXPECT_EQ(to_hex(Bytes{bytes}.subspan(72, 4)), "59202020");  // "Y" and its padding
}

TEST(Vectors, Rfc5769Ipv4Response) {
  const Vector vector("rfc5769-2.2-ipv4-response");
  expect_binding(vector, MessageClass::success);
  EXPECT_EQ(vector.transaction(), kIceTransaction);
  EXPECT_THAT(vector.order(), ElementsAre(Type::software, Type::xor_mapped_address,
                                          Type::message_integrity, Type::fingerprint));
  EXPECT_EQ(vector.text_of(Type::software), "test vector");
  EXPECT_EQ(vector.mapped(), "192.0.2.1:32853");
  EXPECT_EQ(vector.hex_of(Type::message_integrity), "2b91f599fd9e90c38c7489f92af9ba53f06be7d7");
  EXPECT_EQ(vector.hex_of(Type::fingerprint), "c07d4c96");
  EXPECT_TRUE(verify_integrity(vector.message(), bytes_of(kIcePassword)));
  EXPECT_TRUE(fingerprint_is_absent_or_right(vector.message()));
}

TEST(Vectors, Rfc5769Ipv6Response) {
  const Vector vector("rfc5769-2.3-ipv6-response");
  expect_binding(vector, MessageClass::success);
  EXPECT_EQ(vector.transaction(), kIceTransaction);
  EXPECT_THAT(vector.order(), ElementsAre(Type::software, Type::xor_mapped_address,
                                          Type::message_integrity, Type::fingerprint));
  EXPECT_EQ(vector.text_of(Type::software), "test vector");
  EXPECT_EQ(vector.mapped(), "[2001:db8:1234:5678:11:2233:4455:6677]:32853");
  EXPECT_EQ(vector.hex_of(Type::message_integrity), "a382954e4be67bf11784c97c8292c275bfe3ed41");
  EXPECT_EQ(vector.hex_of(Type::fingerprint), "c8fb0b4c");
  EXPECT_TRUE(verify_integrity(vector.message(), bytes_of(kIcePassword)));
  EXPECT_TRUE(fingerprint_is_absent_or_right(vector.message()));
}

TEST(Vectors, Rfc5769LongTermRequest) {
  const Vector vector("rfc5769-2.4-request-longterm");
  expect_binding(vector, MessageClass::request);
  EXPECT_EQ(vector.transaction(), kMatrixTransaction);
  EXPECT_THAT(vector.order(),
              ElementsAre(Type::username, Type::nonce, Type::realm, Type::message_integrity));
  EXPECT_EQ(vector.text_of(Type::username), kMatrix);
  EXPECT_EQ(vector.text_of(Type::nonce), "f//499k954d6OL34oL9FSTvy64sA");
  EXPECT_EQ(vector.text_of(Type::realm), "example.org");
  EXPECT_EQ(vector.hex_of(Type::message_integrity), "f67024656dd64a3e02b8e0712e85c9a28ca89666");
  EXPECT_TRUE(verify_integrity(vector.message(), from_hex(kMd5Key)));
  EXPECT_FALSE(verify_integrity_sha256(vector.message(), from_hex(kMd5Key)));
  EXPECT_TRUE(fingerprint_is_absent_or_right(vector.message()));  // it has none
}

// The length counts the header too, and the MAC was made with that length (erratum 6268).
TEST(Vectors, Rfc8489AsPrintedIsRejected) {
  auto bytes = vector_file("rfc8489-B.1-as-printed");
  EXPECT_EQ(MessageView::parse(bytes).error(), ParseError::wrong_length);

  store_be16(bytes.data() + 2, static_cast<uint16_t>(bytes.size() - kStunHeaderSize));
  const auto repaired = MessageView::parse(bytes);
  ASSERT_TRUE(repaired);
  EXPECT_FALSE(verify_integrity_sha256(*repaired, from_hex(kSha256Key)));
}

TEST(Vectors, Rfc8489CorrectedByErratum6268) {
  const Vector vector("rfc8489-B.1-erratum-6268");
  expect_binding(vector, MessageClass::request);
  EXPECT_EQ(vector.transaction(), kMatrixTransaction);
  EXPECT_THAT(vector.order(),
              ElementsAre(Type::userhash, Type::nonce, Type::realm, Type::password_algorithm,
                          Type::message_integrity_sha256));
  EXPECT_EQ(vector.hex_of(Type::userhash), kUserhash);
  EXPECT_EQ(vector.text_of(Type::nonce), "obMatJos2AAACf//499k954d6OL34oL9FSTvy64sA");
  EXPECT_EQ(vector.text_of(Type::realm), "example.org");
  EXPECT_EQ(vector.hex_of(Type::password_algorithm), "00020000");
  EXPECT_EQ(vector.hex_of(Type::message_integrity_sha256),
            "b5c7bf005b6c52a21c51c5e892f81924136296cb927c43149309278cc6518e65");
  EXPECT_TRUE(verify_integrity_sha256(vector.message(), from_hex(kSha256Key)));
  EXPECT_FALSE(verify_integrity_sha256(vector.message(), from_hex(kMd5Key)));
  EXPECT_FALSE(verify_integrity(vector.message(), from_hex(kSha256Key)));
}

TEST(Vectors, LongTermRequestWithEverythingOfSha256) {
  const Vector vector("derived-longterm-sha256-complete");
  expect_binding(vector, MessageClass::request);
  EXPECT_EQ(vector.transaction(), kMatrixTransaction);
  EXPECT_THAT(vector.order(), ElementsAre(Type::userhash, Type::nonce, Type::realm,
                                          Type::password_algorithms, Type::password_algorithm,
                                          Type::message_integrity_sha256, Type::fingerprint));
  EXPECT_EQ(vector.hex_of(Type::userhash), kUserhash);
  EXPECT_EQ(vector.text_of(Type::nonce), "obMatJos2AAADf//499k954d6OL34oL9FSTvy64sA");
  EXPECT_EQ(vector.text_of(Type::realm), "example.org");
  EXPECT_EQ(vector.hex_of(Type::password_algorithms), "0002000000010000");
  const auto algorithms =
      decode_password_algorithms(*vector.message().value(Type::password_algorithms));
  ASSERT_TRUE(algorithms);
  ASSERT_EQ(algorithms->size, 2u);
  EXPECT_EQ(algorithms->list[0].algorithm, 2);
  EXPECT_EQ(algorithms->list[1].algorithm, 1);
  EXPECT_EQ(decode_password_algorithm(*vector.message().value(Type::password_algorithm))->algorithm,
            2);
  EXPECT_TRUE(verify_integrity_sha256(vector.message(), from_hex(kSha256Key)));
  EXPECT_TRUE(fingerprint_is_absent_or_right(vector.message()));
}

TEST(Vectors, LongTermRequestWithBothIntegrities) {
  const Vector vector("derived-longterm-both-integrities");
  expect_binding(vector, MessageClass::request);
  EXPECT_EQ(vector.transaction(), kMatrixTransaction);
  EXPECT_THAT(vector.order(),
              ElementsAre(Type::username, Type::nonce, Type::realm, Type::message_integrity,
                          Type::message_integrity_sha256, Type::fingerprint));
  EXPECT_EQ(vector.text_of(Type::username), kMatrix);
  EXPECT_EQ(vector.text_of(Type::nonce), "f//499k954d6OL34oL9FSTvy64sA");
  EXPECT_EQ(vector.text_of(Type::realm), "example.org");
  EXPECT_TRUE(verify_integrity(vector.message(), from_hex(kMd5Key)));
  EXPECT_TRUE(verify_integrity_sha256(vector.message(), from_hex(kMd5Key)));
  EXPECT_FALSE(verify_integrity_sha256(vector.message(), from_hex(kSha256Key)));
  EXPECT_TRUE(fingerprint_is_absent_or_right(vector.message()));
}

// The vectors whose padding is zero are also what our own builder writes.
TEST(Vectors, BuilderWritesTheDerivedVectors) {
  const Vector wanted("derived-longterm-both-integrities");
  const auto key = from_hex(kMd5Key);
  std::array<uint8_t, 512> buffer;
  MessageBuilder builder(buffer, Method::binding, MessageClass::request,
                         wanted.message().transaction_id());
  builder.add_text(Type::username, kMatrix)
      .add_text(Type::nonce, "f//499k954d6OL34oL9FSTvy64sA")
      .add_text(Type::realm, "example.org")
      .add_integrity(key)
      .add_integrity_sha256(key)
      .add_fingerprint();
  EXPECT_EQ(to_hex(builder.finish()), to_hex(wanted.message().bytes()));

  const Vector sha256("derived-longterm-sha256-complete");
  MessageBuilder second(buffer, Method::binding, MessageClass::request,
                        sha256.message().transaction_id());
  second.add(Type::userhash, from_hex(kUserhash))
      .add_text(Type::nonce, "obMatJos2AAADf//499k954d6OL34oL9FSTvy64sA")
      .add_text(Type::realm, "example.org")
      .add_password_algorithms(std::array<uint16_t, 2>{2, 1})
      .add_password_algorithm(2)
      .add_integrity_sha256(from_hex(kSha256Key))
      .add_fingerprint();
  EXPECT_EQ(to_hex(second.finish()), to_hex(sha256.message().bytes()));
}

TEST(Vectors, EveryFileOfTheRfcsIsTestedHere) {
  size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(source_dir() + "/tests/vectors")) {
    const std::string name = entry.path().filename();
    if (name.starts_with("rfc") || name.starts_with("derived-")) ++files;
  }
  EXPECT_EQ(files, 8u) << "a vector was added: state here what it holds";
}

}  // namespace
}  // namespace uturn
