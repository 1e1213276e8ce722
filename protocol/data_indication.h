// The header of a Data indication, written in front of the payload it carries (RFC 8656,
// Section 11.3).
#pragma once

#include <cstdint>

#include "protocol/bytes.h"
#include "protocol/message_view.h"
#include "protocol/transport_address.h"

namespace uturn {

/// Everything before the value of DATA: 36 bytes for an IPv4 peer, 48 for an IPv6 one.
inline size_t data_indication_header_size(const IpAddress& peer) { return peer.is_v4() ? 36 : 48; }
/// The longest payload whose length still fits the message: beyond it nothing can be indicated.
/// `padding_of(payload)` zero bytes must follow the payload.
inline constexpr size_t kMaxIndicatedPayload = 65'507 - 48 - 3;

///   message header (20) | XOR-PEER-ADDRESS (12 or 24) | DATA: type (2), length (2) | payload …
///
/// `out` has data_indication_header_size(peer.ip) bytes.
void write_data_indication_header(MutableBytes out, const TransactionId& id,
                                  const TransportAddress& peer, size_t payload_size);

}  // namespace uturn
