// Send indications as browsers write them, read without a walk over attributes (RFC 8656,
// Section 11.1).
#pragma once

#include <optional>

#include "protocol/bytes.h"
#include "protocol/transport_address.h"

namespace uturn {

/// What a Send indication says.
struct SendIndication {
  TransportAddress peer;  ///< as the client named it
  Bytes data;
  bool dont_fragment = false;
};

/// A Send indication of an XOR-PEER-ADDRESS and a DATA, in this order, and nothing else: the media
/// of clients that never bind channels (Firefox), and the first packets of those that do.
///
///   message header (20) | XOR-PEER-ADDRESS (12 or 24) | DATA: type (2), length (2) | data, padding
///
/// Nothing for any other message, well-formed or not: MessageView reads those. What is read here it
/// would read alike.
std::optional<SendIndication> read_plain_send_indication(Bytes datagram);

}  // namespace uturn
