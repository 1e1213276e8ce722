// What a DTLS server reads of a ClientHello before it knows the client, and what it answers.
#pragma once

#include <optional>

#include "protocol/bytes.h"

namespace uturn {

/// Bytes in front of what a record carries (RFC 6347, Section 4.1).
inline constexpr size_t kDtlsRecordHeader = 13;

/// The start of an unencrypted ClientHello (RFC 6347, Sections 4.1, 4.2.1 and 4.2.2): views of the
/// datagram. Nothing behind the cookie was looked at, and the message may be the first fragment.
struct DtlsClientHello {
  Bytes record_sequence;  ///< six bytes
  Bytes random;           ///< 32 bytes
  Bytes cookie;           ///< empty in a first one
};
std::optional<DtlsClientHello> read_client_hello(Bytes datagram);

/// A HelloVerifyRequest with this cookie. `out` has room for 28 bytes more than the cookie.
size_t write_hello_verify_request(const DtlsClientHello& hello, Bytes cookie, MutableBytes out);

}  // namespace uturn
