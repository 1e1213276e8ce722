// Attribute types: every value of the IANA registry that this family of RFCs defines.
#pragma once

#include <cstdint>
#include <string_view>

namespace uturn {

enum class AttributeType : uint16_t {
  // comprehension-required
  mapped_address = 0x0001,            // RFC 8489, Section 14.1
  change_request = 0x0003,            // RFC 5780, Section 7.2
  username = 0x0006,                  // RFC 8489, Section 14.3
  message_integrity = 0x0008,         // RFC 8489, Section 14.5
  error_code = 0x0009,                // RFC 8489, Section 14.8
  unknown_attributes = 0x000A,        // RFC 8489, Section 14.13
  channel_number = 0x000C,            // RFC 8656, Section 18.1
  lifetime = 0x000D,                  // RFC 8656, Section 18.2
  xor_peer_address = 0x0012,          // RFC 8656, Section 18.3
  data = 0x0013,                      // RFC 8656, Section 18.4
  realm = 0x0014,                     // RFC 8489, Section 14.9
  nonce = 0x0015,                     // RFC 8489, Section 14.10
  xor_relayed_address = 0x0016,       // RFC 8656, Section 18.5
  requested_address_family = 0x0017,  // RFC 8656, Section 18.6
  even_port = 0x0018,                 // RFC 8656, Section 18.7
  requested_transport = 0x0019,       // RFC 8656, Section 18.8
  dont_fragment = 0x001A,             // RFC 8656, Section 18.9
  access_token = 0x001B,              // RFC 7635, Section 6.2
  message_integrity_sha256 = 0x001C,  // RFC 8489, Section 14.6
  password_algorithm = 0x001D,        // RFC 8489, Section 14.12
  userhash = 0x001E,                  // RFC 8489, Section 14.4
  xor_mapped_address = 0x0020,        // RFC 8489, Section 14.2
  reservation_token = 0x0022,         // RFC 8656, Section 18.10
  priority = 0x0024,                  // RFC 8445, Section 16.1
  use_candidate = 0x0025,             // RFC 8445, Section 16.1
  padding = 0x0026,                   // RFC 5780, Section 7.6
  response_port = 0x0027,             // RFC 5780, Section 7.5
  connection_id = 0x002A,             // RFC 6062, Section 6.2.1
  // comprehension-optional
  additional_address_family = 0x8000,     // RFC 8656, Section 18.11
  address_error_code = 0x8001,            // RFC 8656, Section 18.12
  password_algorithms = 0x8002,           // RFC 8489, Section 14.11
  alternate_domain = 0x8003,              // RFC 8489, Section 14.16
  icmp = 0x8004,                          // RFC 8656, Section 18.13
  software = 0x8022,                      // RFC 8489, Section 14.14
  alternate_server = 0x8023,              // RFC 8489, Section 14.15
  transaction_transmit_counter = 0x8025,  // RFC 7982, Section 3.1
  cache_timeout = 0x8027,                 // RFC 5780, Section 9.1; registered, not described
  fingerprint = 0x8028,                   // RFC 8489, Section 14.7
  ice_controlled = 0x8029,                // RFC 8445, Section 16.1
  ice_controlling = 0x802A,               // RFC 8445, Section 16.1
  response_origin = 0x802B,               // RFC 5780, Section 7.3
  other_address = 0x802C,                 // RFC 5780, Section 7.4; erratum 2939
  ecn_check = 0x802D,                     // RFC 6679
  third_party_authorization = 0x802E,     // RFC 7635, Section 6.1
  mobility_ticket = 0x8030,               // RFC 8016, Section 3.3
};

/// A receiver that does not know such an attribute answers 420 (RFC 8489, Section 14).
constexpr bool is_comprehension_required(AttributeType type) {
  return static_cast<uint16_t>(type) < 0x8000;
}

/// "XOR-PEER-ADDRESS"; "unknown" for what is not above.
std::string_view name_of(AttributeType type);

}  // namespace uturn
