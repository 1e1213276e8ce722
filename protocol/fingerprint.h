// FINGERPRINT: CRC-32 of the message XOR 0x5354554E (RFC 8489, Section 14.7).
#pragma once

#include <cstdint>

#include "protocol/bytes.h"
#include "protocol/message_view.h"

namespace uturn {

uint32_t crc32(Bytes bytes);  ///< ITU V.42

/// The attribute's value. `covered`: the message up to the attribute, its length field counting it.
uint32_t fingerprint_of(Bytes covered);

/// Absent is fine; there it must be right, four bytes long and the last attribute.
bool fingerprint_is_absent_or_right(const MessageView& message);

}  // namespace uturn
