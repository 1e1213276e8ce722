// What stands before an attribute's value (RFC 8489, Section 14).
#pragma once

#include <cstddef>
#include <cstdint>

#include "protocol/attribute_type.h"

namespace uturn {

inline constexpr size_t kAttributeHeaderSize = 4;  ///< its type and its length, 16 bits each

/// Both in one number, for those who know where an attribute has to be.
constexpr uint32_t attribute_header(AttributeType type, size_t value_size) {
  return static_cast<uint32_t>(type) << 16 | static_cast<uint32_t>(value_size);
}

}  // namespace uturn
