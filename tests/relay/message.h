// Message: what a client got, kept, and asked for in the words of the RFC.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "protocol/attributes.h"
#include "protocol/fingerprint.h"
#include "protocol/message_integrity.h"
#include "protocol/message_view.h"
#include "protocol/unknown_attributes.h"
#include "server/relay/tcp_sockets.h"

namespace uturn {

/// A STUN message that owns its bytes; or nothing, where no answer came.
class Message {
 public:
  Message() = default;
  explicit Message(std::vector<uint8_t> bytes) : bytes_(std::move(bytes)) {}

  bool is_none() const { return bytes_.empty(); }
  size_t size() const { return bytes_.size(); }
  const std::vector<uint8_t>& bytes() const { return bytes_; }
  MessageView view() const { return *MessageView::parse(bytes_); }
  bool is(Method method, MessageClass message_class) const {
    return !is_none() && view().method() == method && view().message_class() == message_class;
  }
  bool is_success() const { return !is_none() && view().message_class() == MessageClass::success; }
  /// The code of an error response; 0 for anything else.
  uint16_t error() const {
    if (is_none() || view().message_class() != MessageClass::error) return 0;
    const auto code = decode_error_code(*view().value(AttributeType::error_code));
    return code ? code->code : 1;
  }
  std::string reason() const {
    return std::string{decode_error_code(*view().value(AttributeType::error_code))->reason};
  }

  bool has(AttributeType type) const { return !is_none() && view().has(type); }
  std::string text(AttributeType type) const {
    const auto text = view().text(type);
    return text ? std::string{*text} : std::string{};
  }
  std::vector<TransportAddress> addresses(AttributeType type) const {
    std::vector<TransportAddress> all;
    const MessageView message = view();
    for (const AttributeView attribute : message) {
      if (attribute.type == type) {
        all.push_back(*decode_xor_address(attribute.value, message.transaction_id()));
      }
    }
    return all;
  }
  /// The first of them; 0.0.0.0:0 where there is none.
  TransportAddress address(AttributeType type) const {
    const auto all = is_none() ? std::vector<TransportAddress>{} : addresses(type);
    return all.empty() ? TransportAddress{} : all.front();
  }
  TransportAddress relayed() const { return address(AttributeType::xor_relayed_address); }
  TransportAddress peer() const { return address(AttributeType::xor_peer_address); }
  std::optional<std::string> data() const {
    const auto value = view().value(AttributeType::data);
    return value ? std::optional{std::string{text_of(*value)}} : std::nullopt;
  }
  std::optional<uint32_t> lifetime() const {
    const auto value = view().value(AttributeType::lifetime);
    return value ? decode_u32(*value) : std::nullopt;
  }
  std::optional<uint64_t> token() const {
    const auto value = view().value(AttributeType::reservation_token);
    return value ? decode_reservation_token(*value) : std::nullopt;
  }
  /// Zero, which no connection has, where there is none.
  ConnectionId connection() const {
    const auto value = is_none() ? std::nullopt : view().value(AttributeType::connection_id);
    return {value ? decode_u32(*value).value_or(0) : 0};
  }
  std::optional<IcmpValue> icmp() const {
    const auto value = view().value(AttributeType::icmp);
    return value ? decode_icmp(*value) : std::nullopt;
  }
  std::vector<AttributeType> unknown() const {
    const auto value = view().value(AttributeType::unknown_attributes);
    if (!value) return {};
    const auto unknown = decode_unknown_attributes(*value);
    return {unknown->types().begin(), unknown->types().end()};
  }
  std::vector<AttributeType> attributes() const {
    std::vector<AttributeType> types;
    const MessageView message = view();
    for (const AttributeView attribute : message) types.push_back(attribute.type);
    return types;
  }

 private:
  std::vector<uint8_t> bytes_;
};

}  // namespace uturn
