// Attribute values: what a value's bytes mean, or that they mean nothing.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "protocol/attribute_type.h"
#include "protocol/bytes.h"
#include "protocol/error_code.h"
#include "protocol/message_view.h"
#include "protocol/transport_address.h"

namespace uturn {

// Every decode_* reads one attribute's value; nullopt says that it is malformed: wrong length,
// unknown family, bytes that must not be. Reserved bits are ignored on receipt.

// The lengths are those of the registry: a value that is longer than its format is malformed too.

/// XOR-MAPPED-, XOR-PEER-, XOR-RELAYED-ADDRESS (RFC 8489, Section 14.2).
std::optional<TransportAddress> decode_xor_address(Bytes value, const TransactionId& id);
/// MAPPED-ADDRESS, ALTERNATE-SERVER, RESPONSE-ORIGIN, OTHER-ADDRESS (RFC 8489, Section 14.1).
std::optional<TransportAddress> decode_address(Bytes value);
/// Writes 8 or 20 bytes and says how many.
size_t encode_xor_address(const TransportAddress& address, const TransactionId& id,
                          std::span<uint8_t, 20> out);
size_t encode_address(const TransportAddress& address, std::span<uint8_t, 20> out);

std::optional<uint32_t> decode_u32(Bytes value);  ///< LIFETIME, CONNECTION-ID, PRIORITY …
/// RFC 8656, Section 18.6; nullopt also for families other than 1 and 2.
std::optional<AddressFamily> decode_family(Bytes value);
std::optional<uint8_t> decode_requested_transport(Bytes value);  ///< the protocol number, 17 is UDP
std::optional<bool> decode_even_port(Bytes value);           ///< the R bit (RFC 8656, Section 18.7)
std::optional<uint16_t> decode_channel_number(Bytes value);  ///< the raw 16 bits
/// Eight opaque bytes as one number.
std::optional<uint64_t> decode_reservation_token(Bytes value);

/// CHANGE-REQUEST (RFC 5780, Section 7.2).
struct ChangeRequest {
  bool change_ip = false;
  bool change_port = false;
};
std::optional<ChangeRequest> decode_change_request(Bytes value);
std::optional<uint16_t> decode_response_port(Bytes value);

/// ERROR-CODE (RFC 8489, Section 14.8): class 3..6, number 0..99.
struct ErrorValue {
  uint16_t code = 0;
  std::string_view reason;
};
std::optional<ErrorValue> decode_error_code(Bytes value);

/// ADDRESS-ERROR-CODE (RFC 8656, Section 18.12).
struct AddressErrorValue {
  AddressFamily family{};
  uint16_t code = 0;
  std::string_view reason;
};
std::optional<AddressErrorValue> decode_address_error_code(Bytes value);

/// ICMP (RFC 8656, Section 18.13 with erratum 8901): 16 reserved bits, type, code, 32 bits of error
/// data.
struct IcmpValue {
  uint8_t type = 0;
  uint8_t code = 0;
  uint32_t error_data = 0;
  friend bool operator==(const IcmpValue&, const IcmpValue&) = default;
};
std::optional<IcmpValue> decode_icmp(Bytes value);

/// PASSWORD-ALGORITHM (RFC 8489, Section 14.12); parameters kept as bytes.
struct PasswordAlgorithmValue {
  uint16_t algorithm = 0;
  Bytes parameters;
};
std::optional<PasswordAlgorithmValue> decode_password_algorithm(Bytes value);

/// PASSWORD-ALGORITHMS (RFC 8489, Section 14.11): in the order of preference; what exceeds kMax is
/// read and left out.
struct PasswordAlgorithmsValue {
  static constexpr size_t kMax = 8;
  std::array<PasswordAlgorithmValue, kMax> list{};
  size_t size = 0;
};
std::optional<PasswordAlgorithmsValue> decode_password_algorithms(Bytes value);

/// TRANSACTION_TRANSMIT_COUNTER (RFC 7982, Section 3.1).
struct TransmitCounter {
  uint8_t request = 0;
  uint8_t response = 0;
};
std::optional<TransmitCounter> decode_transmit_counter(Bytes value);

}  // namespace uturn
