// Any prefix, bit flip or random bytes: never a crash, never a read outside the datagram.
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/property/seeded.h"
#include "tests/protocol/hex.h"
#include "tests/protocol/read_everything.h"
#include "tests/source_dir.h"

namespace uturn {
namespace {

/// As a message, as ChannelData and as the beginning of a stream, at an even and an odd address.
void read_as_everything(Bytes bytes) {
  for (const bool misaligned : {false, true}) {
    ExactCopy copy(bytes, misaligned);
    read_message(copy.bytes());
    read_channel_data(copy.bytes());
    if (const auto frame = next_frame(copy.bytes())) {
      CHECK(frame->size <= frame->consumed && frame->consumed <= bytes.size());
    }
  }
}

std::vector<std::vector<uint8_t>> samples() {
  std::vector<std::vector<uint8_t>> samples;
  for (const auto& entry : std::filesystem::directory_iterator(source_dir() + "/tests/vectors")) {
    if (entry.path().extension() == ".hex") samples.push_back(vector_file(entry.path().stem()));
  }
  samples.push_back(from_hex("4001 0005 68656c6c6f 000000"));
  return samples;
}

TEST(HostileProperty, EveryPrefixIsHarmless) {
  for (const auto& sample : samples()) {
    for (size_t size = 0; size <= sample.size(); ++size)
      read_as_everything(Bytes{sample}.first(size));
  }
}

// The prefix with a length field that says it is whole: attributes are cut everywhere.
TEST(HostileProperty, EveryPrefixThatCallsItselfWholeIsHarmless) {
  for (auto sample : samples()) {
    for (size_t size = kStunHeaderSize; size <= sample.size(); ++size) {
      store_be16(sample.data() + 2, static_cast<uint16_t>(size - kStunHeaderSize));
      read_as_everything(Bytes{sample}.first(size));
    }
  }
}

TEST(HostileProperty, EveryBitFlipIsHarmless) {
  for (auto sample : samples()) {
    for (size_t bit = 0; bit < sample.size() * 8; ++bit) {
      sample[bit / 8] ^= static_cast<uint8_t>(1u << bit % 8);
      read_as_everything(sample);
      sample[bit / 8] ^= static_cast<uint8_t>(1u << bit % 8);
    }
  }
}

TEST(HostileProperty, RandomBytesAreHarmless) {
  for_seeds(5'000, [](Seeded& random) { read_as_everything(random.bytes(random.below(300))); });
}

/// Random attributes, lengths mostly honest, behind a header that passes.
std::vector<uint8_t> plausible_message(Seeded& random) {
  constexpr uint16_t kTypes[] = {0x0006, 0x0008, 0x0009, 0x000A, 0x0012, 0x0013, 0x0014, 0x0015,
                                 0x0018, 0x001C, 0x001D, 0x0020, 0x8002, 0x8001, 0x8004, 0x8028};
  constexpr size_t kLengths[] = {0, 1, 3, 4, 8, 16, 20, 32};
  auto bytes = from_hex("0003 0000 2112a442");
  for (const uint8_t byte : random.bytes(12)) bytes.push_back(byte);
  for (size_t i = random.below(8); i > 0; --i) {
    const size_t length = random.pick(kLengths);
    const size_t claimed = random.one_in(10) ? random.below(0x10000) : length;
    const size_t at = bytes.size();
    bytes.resize(at + 4);
    store_be16(bytes.data() + at, random.pick(kTypes));
    store_be16(bytes.data() + at + 2, static_cast<uint16_t>(claimed));
    for (const uint8_t byte : random.bytes(length + padding_of(length))) bytes.push_back(byte);
  }
  store_be16(bytes.data() + 2, static_cast<uint16_t>(bytes.size() - kStunHeaderSize));
  return bytes;
}

TEST(HostileProperty, PlausibleMessagesAreHarmless) {
  size_t parsed = 0;
  for_seeds(10'000, [&](Seeded& random) {
    const auto bytes = plausible_message(random);
    parsed += MessageView::parse(bytes).has_value();
    read_as_everything(bytes);
  });
  if (std::getenv("UTURN_SEED") == nullptr) {
    EXPECT_GT(parsed, 5'000u) << "the generator is not plausible";
  }
}

// What is read never depends on what stands behind an integrity attribute.
TEST(HostileProperty, WhateverIsAppendedBehindIntegrityIsNotRead) {
  const auto signed_message = vector_file("rfc5769-2.4-request-longterm");
  const auto key = from_hex("e8ca7ad59d5eb0518e312911d2dab2a9");
  for_seeds(5'000, [&](Seeded& random) {
    auto bytes = signed_message;
    const auto appended = plausible_message(random);
    bytes.insert(bytes.end(), appended.begin() + kStunHeaderSize, appended.end());
    store_be16(bytes.data() + 2, static_cast<uint16_t>(bytes.size() - kStunHeaderSize));
    ExactCopy copy(bytes);
    const auto message = MessageView::parse(copy.bytes());
    if (!message) return;
    EXPECT_TRUE(verify_integrity(*message, key));
    for (const AttributeView attribute : *message) {
      const auto at = static_cast<size_t>(attribute.value.data() - message->bytes().data());
      EXPECT_TRUE(at <= signed_message.size() ||
                  attribute.type == AttributeType::message_integrity_sha256 ||
                  attribute.type == AttributeType::fingerprint);
    }
  });
}

}  // namespace
}  // namespace uturn
