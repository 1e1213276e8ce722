// Writing: every attribute goes through reserve(), which alone knows about room, padding and
// length.
//
// Also: RFC 8489, Sections 5, 14.7 and 14.13; RFC 8656, Sections 18 and 18.9.
#include "protocol/message_builder.h"

#include "protocol/attribute_header.h"
#include "protocol/fingerprint.h"
#include "protocol/message_integrity.h"

namespace uturn {
namespace {

constexpr size_t kMaxValueSize = 0xFFFF;
constexpr size_t kMaxMessageSize =
    kStunHeaderSize + 0xFFFC;  // the length field's last multiple of 4

void write_attribute_header(uint8_t* out, AttributeType type, size_t value_size) {
  store_be16(out, static_cast<uint16_t>(type));
  store_be16(out + 2, static_cast<uint16_t>(value_size));
}

/// Class and number behind 16 bits that belong to the caller (RFC 8489, Section 14.8).
void write_error(uint8_t* out, ErrorCode code, std::string_view reason) {
  const auto number = static_cast<uint16_t>(code);
  out[2] = static_cast<uint8_t>(number / 100);
  out[3] = static_cast<uint8_t>(number % 100);
  std::ranges::copy(bytes_of(reason), out + 4);
}

}  // namespace

MessageBuilder::MessageBuilder(MutableBytes out, Method method, MessageClass message_class,
                               const TransactionId& id)
    : id_(id), out_(out) {
  if (out_.size() < kStunHeaderSize) {
    overflowed_ = true;
    return;
  }
  store_be16(out_.data(), message_type(method, message_class));
  store_be32(out_.data() + 4, kMagicCookie);
  std::ranges::copy(id.bytes, out_.begin() + 8);
  size_ = kStunHeaderSize;
  write_length(size_);
}

MessageBuilder& MessageBuilder::add(AttributeType type, Bytes value) {
  if (uint8_t* out = reserve_ordinary(type, value.size())) std::ranges::copy(value, out);
  return *this;
}

MessageBuilder& MessageBuilder::add_text(AttributeType type, std::string_view text) {
  return add(type, bytes_of(text));
}

MessageBuilder& MessageBuilder::add_flag(AttributeType type) { return add(type, {}); }

MessageBuilder& MessageBuilder::add_u32(AttributeType type, uint32_t value) {
  if (uint8_t* out = reserve_ordinary(type, 4)) store_be32(out, value);
  return *this;
}

MessageBuilder& MessageBuilder::add_u64(AttributeType type, uint64_t value) {
  if (uint8_t* out = reserve_ordinary(type, 8)) store_be64(out, value);
  return *this;
}

MessageBuilder& MessageBuilder::add_xor_address(AttributeType type,
                                                const TransportAddress& address) {
  std::array<uint8_t, 20> value;
  return add(type, Bytes{value}.first(encode_xor_address(address, id_, value)));
}

MessageBuilder& MessageBuilder::add_address(AttributeType type, const TransportAddress& address) {
  std::array<uint8_t, 20> value;
  return add(type, Bytes{value}.first(encode_address(address, value)));
}

MessageBuilder& MessageBuilder::add_family(AttributeType type, AddressFamily family) {
  return add_u32(type, uint32_t{static_cast<uint8_t>(family)} << 24);
}

MessageBuilder& MessageBuilder::add_requested_transport(uint8_t protocol_number) {
  return add_u32(AttributeType::requested_transport, uint32_t{protocol_number} << 24);
}

MessageBuilder& MessageBuilder::add_even_port(bool reserve_next) {
  const std::array<uint8_t, 1> value{static_cast<uint8_t>(reserve_next ? 0x80 : 0x00)};
  return add(AttributeType::even_port, value);
}

MessageBuilder& MessageBuilder::add_channel_number(uint16_t number) {
  return add_u32(AttributeType::channel_number, uint32_t{number} << 16);
}

MessageBuilder& MessageBuilder::add_error(ErrorCode code, std::string_view reason) {
  CHECK(reason.size() <= kMaxTextOnSending);
  if (uint8_t* out = reserve_ordinary(AttributeType::error_code, 4 + reason.size())) {
    store_be16(out, 0);
    write_error(out, code, reason);
  }
  return *this;
}

MessageBuilder& MessageBuilder::add_address_error(AddressFamily family, ErrorCode code,
                                                  std::string_view reason) {
  CHECK(reason.size() <= kMaxTextOnSending);
  if (uint8_t* out = reserve_ordinary(AttributeType::address_error_code, 4 + reason.size())) {
    out[0] = static_cast<uint8_t>(family);
    out[1] = 0;
    write_error(out, code, reason);
  }
  return *this;
}

MessageBuilder& MessageBuilder::add_unknown_attributes(std::span<const AttributeType> types) {
  if (uint8_t* out = reserve_ordinary(AttributeType::unknown_attributes, 2 * types.size())) {
    for (const AttributeType type : types) {
      store_be16(out, static_cast<uint16_t>(type));
      out += 2;
    }
  }
  return *this;
}

MessageBuilder& MessageBuilder::add_icmp(const IcmpValue& icmp) {
  if (uint8_t* out = reserve_ordinary(AttributeType::icmp, 8)) {
    store_be16(out, 0);
    out[2] = icmp.type;
    out[3] = icmp.code;
    store_be32(out + 4, icmp.error_data);
  }
  return *this;
}

MessageBuilder& MessageBuilder::add_change_request(ChangeRequest change) {
  return add_u32(AttributeType::change_request,
                 (change.change_ip ? 0x04u : 0u) | (change.change_port ? 0x02u : 0u));
}

MessageBuilder& MessageBuilder::add_response_port(uint16_t port) {
  return add_u32(AttributeType::response_port, uint32_t{port} << 16);
}

MessageBuilder& MessageBuilder::add_password_algorithms(std::span<const uint16_t> algorithms) {
  if (uint8_t* out = reserve_ordinary(AttributeType::password_algorithms, 4 * algorithms.size())) {
    for (const uint16_t algorithm : algorithms) {
      store_be32(out, uint32_t{algorithm} << 16);  // neither MD5 nor SHA-256 has parameters
      out += 4;
    }
  }
  return *this;
}

MessageBuilder& MessageBuilder::add_password_algorithm(uint16_t algorithm) {
  return add_u32(AttributeType::password_algorithm, uint32_t{algorithm} << 16);
}

MessageBuilder& MessageBuilder::add_transmit_counter(TransmitCounter counter) {
  return add_u32(AttributeType::transaction_transmit_counter,
                 uint32_t{counter.request} << 8 | counter.response);
}

MessageBuilder& MessageBuilder::add_integrity(Bytes key) {
  CHECK(stage_ == Stage::attributes);
  stage_ = Stage::integrity;
  const size_t covered = size_;
  if (uint8_t* out = reserve(AttributeType::message_integrity, 20))
    std::ranges::copy(hmac_sha1(key, out_.first(covered)), out);
  return *this;
}

MessageBuilder& MessageBuilder::add_integrity_sha256(Bytes key, size_t length) {
  CHECK(stage_ == Stage::attributes || stage_ == Stage::integrity);
  CHECK(length >= 16 && length <= 32 && length % 4 == 0);
  stage_ = Stage::integrity_sha256;
  const size_t covered = size_;
  if (uint8_t* out = reserve(AttributeType::message_integrity_sha256, length))
    std::ranges::copy(Bytes{hmac_sha256(key, out_.first(covered))}.first(length), out);
  return *this;
}

MessageBuilder& MessageBuilder::add_fingerprint() {
  CHECK(stage_ != Stage::complete);
  stage_ = Stage::complete;
  const size_t covered = size_;
  if (uint8_t* out = reserve(AttributeType::fingerprint, 4))
    store_be32(out, fingerprint_of(out_.first(covered)));
  return *this;
}

uint8_t* MessageBuilder::reserve_ordinary(AttributeType type, size_t value_size) {
  CHECK(stage_ == Stage::attributes);
  return reserve(type, value_size);
}

uint8_t* MessageBuilder::reserve(AttributeType type, size_t value_size) {
  const size_t padding = padding_of(value_size);
  const size_t room = std::min(out_.size(), kMaxMessageSize) - size_;
  if (overflowed_ || value_size > kMaxValueSize ||
      kAttributeHeaderSize + value_size + padding > room) {
    overflowed_ = true;
    return nullptr;
  }
  uint8_t* const header = out_.data() + size_;
  uint8_t* const value = header + kAttributeHeaderSize;
  write_attribute_header(header, type, value_size);
  std::fill_n(value + value_size, padding, uint8_t{0});
  size_ += kAttributeHeaderSize + value_size + padding;
  write_length(size_);
  return value;
}

void MessageBuilder::write_length(size_t message_size) {
  store_be16(out_.data() + 2, static_cast<uint16_t>(message_size - kStunHeaderSize));
}

}  // namespace uturn
