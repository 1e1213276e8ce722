// RawMessage: a STUN message written byte by byte, also the ones no builder would write.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "protocol/message_view.h"
#include "tests/protocol/hex.h"

namespace uturn {

/// The length field is right unless set otherwise; padding is whatever the test says.
class RawMessage {
 public:
  explicit RawMessage(Method method = Method::binding,
                      MessageClass message_class = MessageClass::request)
      : bytes_(from_hex("0000 0000 2112a442 000102030405060708090a0b")) {
    store_be16(bytes_.data(), message_type(method, message_class));
  }

  RawMessage& attribute(AttributeType type, Bytes value, uint8_t padding = 0) {
    const size_t at = bytes_.size();
    bytes_.resize(at + 4);
    store_be16(bytes_.data() + at, static_cast<uint16_t>(type));
    store_be16(bytes_.data() + at + 2, static_cast<uint16_t>(value.size()));
    bytes_.insert(bytes_.end(), value.begin(), value.end());
    bytes_.insert(bytes_.end(), padding_of(value.size()), padding);
    return length(bytes_.size() - kStunHeaderSize);
  }
  RawMessage& attribute(AttributeType type, std::string_view text, uint8_t padding = 0) {
    return attribute(type, bytes_of(text), padding);
  }
  RawMessage& append(Bytes bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return length(bytes_.size() - kStunHeaderSize);
  }
  RawMessage& length(size_t length) {
    store_be16(bytes_.data() + 2, static_cast<uint16_t>(length));
    return *this;
  }

  std::vector<uint8_t>& bytes() { return bytes_; }
  Result<MessageView, ParseError> parse() const { return MessageView::parse(bytes_); }

 private:
  std::vector<uint8_t> bytes_;
};

}  // namespace uturn
