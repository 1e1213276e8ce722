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

/// Both registries, multicast and site-local, sorted by first address, an enclosing range before
/// what it encloses. Any two are disjoint or nested.
std::span<const SpecialPurposeRange> special_purpose_ranges();

/// The most specific range that contains a canonical address, null where none does: 192.0.0.9/32 is
/// reachable inside 192.0.0.0/24, which is not.
const SpecialPurposeRange* find_special_purpose(const IpAddress& canonical);

/// The month whose state of the registries the source holds; stands in the log.
std::string_view special_purpose_date();

}  // namespace uturn
