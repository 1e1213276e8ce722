// Methods and classes of STUN messages (RFC 8489, Section 5; RFC 8656, Section 17; RFC 6062,
// Section 6.1).
#pragma once

#include <cstdint>
#include <string_view>

namespace uturn {

enum class Method : uint16_t {
  binding = 0x001,
  allocate = 0x003,
  refresh = 0x004,
  send = 0x006,
  data = 0x007,
  create_permission = 0x008,
  channel_bind = 0x009,
  connect = 0x00A,
  connection_bind = 0x00B,
  connection_attempt = 0x00C,
};

enum class MessageClass : uint8_t { request = 0, indication = 1, success = 2, error = 3 };

/// The 14 bits on the wire: method and class interleaved (RFC 8489, Figure 3; masks of erratum
/// 8900).
constexpr uint16_t message_type(Method method, MessageClass message_class) {
  const auto m = static_cast<uint16_t>(method);
  const auto c = static_cast<uint16_t>(message_class);
  return static_cast<uint16_t>((m & 0xF80) << 2 | (m & 0x070) << 1 | (m & 0x00F) | (c & 2) << 7 |
                               (c & 1) << 4);
}
constexpr Method method_of(uint16_t type) {
  return static_cast<Method>((type & 0x3E00) >> 2 | (type & 0x00E0) >> 1 | (type & 0x000F));
}
constexpr MessageClass class_of(uint16_t type) {
  return static_cast<MessageClass>((type & 0x0100) >> 7 | (type & 0x0010) >> 4);
}

std::string_view name_of(Method method);  ///< "Allocate"; "unknown" for what is not above

}  // namespace uturn
