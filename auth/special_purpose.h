// The IANA special-purpose address registries: what no peer is by default.
#pragma once

#include <span>
#include <string_view>

#include "auth/address_range.h"

namespace uturn {

struct SpecialPurposeRange {
  AddressRange range;
  std::string_view name;    ///< "Private-Use (RFC 1918)"
  bool globally_reachable;  ///< an exception inside a wider range: permitted
};

/// The most specific entry wins: 192.0.0.9/32 is reachable inside 192.0.0.0/24. Multicast is here
/// too.
std::span<const SpecialPurposeRange> special_purpose_ranges();

/// When the registries were read; stands in the source and in the log.
std::string_view special_purpose_date();

}  // namespace uturn
