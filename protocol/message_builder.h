// MessageBuilder: writes a STUN message into a buffer the caller lends.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "protocol/attributes.h"
#include "protocol/message_view.h"

namespace uturn {

/// Attributes in the order of the calls, padding zeroed (CVE-2020-4067), the length field right
/// after every call. What does not fit is not written: the builder then is `overflowed()`, keeps
/// that state, and `finish()` gives no bytes. Error codes carry a reason phrase only when given
/// one. An attribute behind integrity that a receiver must ignore is a mistake of ours, and stops
/// the process.
class MessageBuilder {
 public:
  MessageBuilder(MutableBytes out, Method method, MessageClass message_class,
                 const TransactionId& id);

  MessageBuilder& add(AttributeType type, Bytes value);
  MessageBuilder& add_text(AttributeType type, std::string_view text);
  MessageBuilder& add_flag(AttributeType type);  ///< an empty value: DONT-FRAGMENT, USE-CANDIDATE
  MessageBuilder& add_u32(AttributeType type, uint32_t value);
  MessageBuilder& add_u64(AttributeType type, uint64_t value);
  MessageBuilder& add_xor_address(AttributeType type, const TransportAddress& address);
  MessageBuilder& add_address(AttributeType type, const TransportAddress& address);
  MessageBuilder& add_family(AttributeType type, AddressFamily family);
  MessageBuilder& add_requested_transport(uint8_t protocol_number);
  MessageBuilder& add_even_port(bool reserve_next);
  MessageBuilder& add_channel_number(uint16_t number);
  MessageBuilder& add_error(ErrorCode code, std::string_view reason = {});
  MessageBuilder& add_address_error(AddressFamily family, ErrorCode code,
                                    std::string_view reason = {});
  MessageBuilder& add_unknown_attributes(std::span<const AttributeType> types);
  MessageBuilder& add_icmp(const IcmpValue& icmp);
  MessageBuilder& add_change_request(ChangeRequest change);
  MessageBuilder& add_response_port(uint16_t port);
  MessageBuilder& add_password_algorithms(std::span<const uint16_t> algorithms);
  MessageBuilder& add_password_algorithm(uint16_t algorithm);
  MessageBuilder& add_transmit_counter(TransmitCounter counter);

  /// MESSAGE-INTEGRITY (HMAC-SHA1, 20 bytes) and -SHA256 (32 bytes, or `length` of 16..32 in steps
  /// of 4) over all that stands before; only FINGERPRINT, or SHA-256 after SHA-1, may follow.
  MessageBuilder& add_integrity(Bytes key);
  MessageBuilder& add_integrity_sha256(Bytes key, size_t length = 32);
  MessageBuilder& add_fingerprint();  ///< must be the last

  bool overflowed() const { return overflowed_; }
  size_t size() const { return size_; }
  Bytes finish() const { return overflowed_ ? Bytes{} : Bytes{out_.first(size_)}; }

 private:
  /// What has been written: decides what may follow.
  enum class Stage : uint8_t { attributes, integrity, integrity_sha256, complete };

  uint8_t* reserve(AttributeType type, size_t value_size);  ///< null when it does not fit
  uint8_t* reserve_ordinary(AttributeType type, size_t value_size);
  void write_length(size_t message_size);
  TransactionId id_;
  MutableBytes out_;
  size_t size_ = 0;
  bool overflowed_ = false;
  Stage stage_ = Stage::attributes;
};

}  // namespace uturn
