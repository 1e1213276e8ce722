// UnknownAttributes: what a 420 lists, and UNKNOWN-ATTRIBUTES read back (RFC 8489, Section 14.13).
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <span>

#include "protocol/attribute_type.h"
#include "protocol/message_view.h"

namespace uturn {

/// Types in the order of the message, each once. Never more than a message can have attributes.
class UnknownAttributes {
 public:
  std::span<const AttributeType> types() const { return std::span{types_}.first(size_); }
  bool empty() const { return size_ == 0; }
  void add(AttributeType type) {
    if (size_ < types_.size() && !std::ranges::count(types(), type)) types_[size_++] = type;
  }

 private:
  std::array<AttributeType, kMaxAttributes> types_{};
  size_t size_ = 0;
};

/// The comprehension-required attributes of `message` for which `is_known(AttributeType)` is false
/// (RFC 8489, Section 6.3.1). What does not exist in a message cannot be unknown in it.
template <class IsKnown>
UnknownAttributes unknown_attributes(const MessageView& message, IsKnown is_known) {
  UnknownAttributes unknown;
  for (const AttributeView attribute : message) {
    if (is_comprehension_required(attribute.type) && !is_known(attribute.type))
      unknown.add(attribute.type);
  }
  return unknown;
}

/// The value of UNKNOWN-ATTRIBUTES; nullopt for half a type.
inline std::optional<UnknownAttributes> decode_unknown_attributes(Bytes value) {
  if (value.size() % 2 != 0) return std::nullopt;
  UnknownAttributes unknown;
  for (size_t at = 0; at < value.size(); at += 2)
    unknown.add(static_cast<AttributeType>(load_be16(value.data() + at)));
  return unknown;
}

}  // namespace uturn
