// ChannelData: four bytes in front of the payload (RFC 8656, Section 12.4).
//
// Also: RFC 7983, Section 7.
#pragma once

#include <cstdint>
#include <optional>

#include "protocol/bytes.h"

namespace uturn {

inline constexpr size_t kChannelHeaderSize = 4;
/// The longest payload that still fits a UDP datagram behind the header.
inline constexpr size_t kMaxChannelPayload = 65'507 - kChannelHeaderSize;

/// Which numbers may be bound: RFC 8656 has 0x4000..0x4FFF, RFC 5766 had 0x4000..0x7FFF.
enum class ChannelRange : uint8_t { rfc8656, rfc5766 };

/// A number a channel can have: 0x4000..0x7FFF, whatever the configuration admits for binding.
class ChannelNumber {
 public:
  static std::optional<ChannelNumber> from_wire(uint16_t raw) {
    if (raw < 0x4000 || raw > 0x7FFF) return std::nullopt;
    return ChannelNumber{raw};
  }
  uint16_t value() const { return raw_; }
  bool is_in(ChannelRange range) const { return range == ChannelRange::rfc5766 || raw_ <= 0x4FFF; }
  friend auto operator<=>(ChannelNumber, ChannelNumber) = default;

 private:
  explicit ChannelNumber(uint16_t raw) : raw_(raw) {}
  uint16_t raw_;
};

/// A ChannelData message read in place. Over UDP padding may follow the data and is dropped.
struct ChannelDataView {
  ChannelNumber channel;
  MutableBytes data;
};

/// nullopt: shorter than its header says, or no channel's number.
std::optional<ChannelDataView> parse_channel_data(MutableBytes datagram);

void write_channel_header(std::span<uint8_t, 4> out, ChannelNumber channel, uint16_t length);

/// First byte 64..79 (RFC 7983), or 64..127 where the range of RFC 5766 is served.
constexpr bool looks_like_channel_data(uint8_t first_byte, ChannelRange range) {
  return first_byte >= 64 && first_byte <= (range == ChannelRange::rfc8656 ? 79 : 127);
}

}  // namespace uturn
