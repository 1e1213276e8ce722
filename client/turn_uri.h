// TurnUri: stun:, stuns:, turn: and turns: (RFC 7064, RFC 7065; defaults of RFC 5928, Section 3).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "protocol/result.h"
#include "protocol/transport_address.h"

namespace uturn {

enum class UriError : uint8_t {
  unknown_scheme,       ///< none of the four
  hierarchical,         ///< "turn://host": these URIs have no authority part
  malformed_host,       ///< empty, or letters no host can have
  malformed_port,       ///< not 1 to 65535
  malformed_query,      ///< anything but one "transport=", or a query on stun and stuns
  unknown_transport,    ///< neither udp nor tcp
  secure_with_address,  ///< stuns with an IP address: there is no name to verify (RFC 8489, 8.1)
};

std::string_view text_of(UriError error);  ///< one sentence for people

struct TurnUri {
  bool is_turn = false;    ///< turn or turns; else stun or stuns
  bool is_secure = false;  ///< turns or stuns
  std::string host;        ///< a name, or an address as written, without brackets
  uint16_t port = 0;       ///< given, or 3478 and 5349
  Transport transport = Transport::udp;
  bool transport_is_explicit = false;

  static Result<TurnUri, UriError> parse(std::string_view text);
  std::optional<IpAddress> address() const { return IpAddress::parse(host); }
  std::string to_string() const;
};

}  // namespace uturn
