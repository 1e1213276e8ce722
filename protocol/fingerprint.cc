// CRC-32, eight bytes a step.
#include "protocol/fingerprint.h"

#include <array>

namespace uturn {
namespace {

constexpr uint32_t kPolynomial = 0xEDB88320;  // of ITU V.42, least significant bit first
constexpr size_t kSlices = 8;
using Tables = std::array<std::array<uint32_t, 256>, kSlices>;

/// tables[k][byte]: what `byte` does to the remainder when k bytes follow it.
constexpr Tables make_tables() {
  Tables tables{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t remainder = byte;
    for (int bit = 0; bit < 8; ++bit)
      remainder = remainder >> 1 ^ (remainder & 1 ? kPolynomial : 0);
    tables[0][byte] = remainder;
  }
  for (size_t k = 1; k < kSlices; ++k) {
    for (size_t byte = 0; byte < 256; ++byte) {
      const uint32_t before = tables[k - 1][byte];
      tables[k][byte] = before >> 8 ^ tables[0][before & 0xFF];
    }
  }
  return tables;
}

constexpr Tables kTables = make_tables();

}  // namespace

uint32_t crc32(Bytes bytes) {
  uint32_t remainder = 0xFFFFFFFF;
  for (; bytes.size() >= kSlices; bytes = bytes.subspan(kSlices)) {
    // The remainder meets the first four bytes; the last byte of the eight has none behind it.
    uint32_t next = 0;
    for (size_t i = 0; i < kSlices; ++i) {
      const uint8_t met = i < 4 ? static_cast<uint8_t>(remainder >> 8 * i) : uint8_t{0};
      next ^= kTables[kSlices - 1 - i][bytes[i] ^ met];
    }
    remainder = next;
  }
  for (const uint8_t byte : bytes)
    remainder = remainder >> 8 ^ kTables[0][(remainder ^ byte) & 0xFF];
  return ~remainder;
}

uint32_t fingerprint_of(Bytes covered) { return crc32(covered) ^ 0x5354554E; }

bool fingerprint_is_absent_or_right(const MessageView& message) {
  const size_t offset = message.fingerprint_offset();
  if (offset == 0) return true;
  const Bytes bytes = message.bytes();
  constexpr size_t kAttributeSize = 8;
  if (offset + kAttributeSize != bytes.size() || load_be16(bytes.data() + offset + 2) != 4)
    return false;
  return load_be32(bytes.data() + offset + 4) == fingerprint_of(bytes.first(offset));
}

}  // namespace uturn
