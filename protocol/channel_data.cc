// Reading and writing the four bytes of ChannelData.
//
// Also: RFC 8656, Section 12.5.
#include "protocol/channel_data.h"

namespace uturn {

std::optional<ChannelDataView> parse_channel_data(MutableBytes datagram) {
  if (datagram.size() < kChannelHeaderSize) return std::nullopt;
  const auto channel = ChannelNumber::from_wire(load_be16(datagram.data()));
  if (!channel) return std::nullopt;
  const size_t length = load_be16(datagram.data() + 2);
  if (length > datagram.size() - kChannelHeaderSize) return std::nullopt;
  return ChannelDataView{*channel, datagram.subspan(kChannelHeaderSize, length)};
}

void write_channel_header(std::span<uint8_t, 4> out, ChannelNumber channel, uint16_t length) {
  store_be16(out.data(), channel.value());
  store_be16(out.data() + 2, length);
}

}  // namespace uturn
