// The PROXY protocol's header, versions 1 and 2: whom a proxy in front of us speaks for.
//
// "The PROXY protocol, Versions 1 & 2" (doc/proxy-protocol.txt of HAProxy); its sections are cited.
// Nothing here looks for the header in what might as well be something else (Section 2): only a
// source that is configured as a proxy is asked, and it must have one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "protocol/bytes.h"
#include "protocol/result.h"
#include "protocol/transport_address.h"

namespace uturn {

/// The connection as the proxy saw it.
struct ProxiedAddresses {
  TransportAddress source;
  TransportAddress destination;
  friend bool operator==(const ProxiedAddresses&, const ProxiedAddresses&) = default;
};

struct ProxyHeader {
  /// Nothing for LOCAL (a health check), UNKNOWN and UNSPEC: the connection's own addresses count.
  std::optional<ProxiedAddresses> announced;
  size_t consumed = 0;  ///< what was sent by the client begins here
};

/// Each but `incomplete` ends the connection, or drops the datagram.
enum class ProxyHeaderError : uint8_t {
  incomplete,  ///< come back with more bytes; never more than kMaxProxyHeaderSize are needed
  no_signature,
  too_long,
  malformed_line,       ///< version 1, and not what Section 2.1 says, to the letter
  unknown_version,      ///< the binary signature, and another version than 2
  unknown_command,      ///< neither LOCAL nor PROXY
  unknown_family,       ///< an address family or transport without a meaning
  unix_socket,          ///< AF_UNIX: no address that a permission or a nonce could be for
  wrong_transport,      ///< a datagram announced on a stream, or the other way round
  too_short,            ///< the addresses do not fit its length; in a datagram also: cut off
  malformed_extension,  ///< a TLV that does not fit, or two checksums
  wrong_checksum,       ///< PP2_TYPE_CRC32C (Section 2.2.3)
};

/// At the front of a stream, version 1 or 2. Any chunking of the stream gives the same.
Result<ProxyHeader, ProxyHeaderError> read_stream_proxy_header(Bytes stream);

/// In front of the payload of every datagram, version 2 only: the text form has no word for UDP.
Result<ProxyHeader, ProxyHeaderError> read_datagram_proxy_header(Bytes datagram);

/// With their CRLF the longest lines have 107 bytes (Section 2.1).
inline constexpr size_t kMaxProxyLineSize = 107;
/// "Always smaller than an MSS" (Section 2.2), but a client certificate in an extension is not.
inline constexpr size_t kMaxProxyHeaderSize = 4'096;

}  // namespace uturn
