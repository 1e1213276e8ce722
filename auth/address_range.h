// AddressRange: a CIDR prefix, a first-last pair or one address.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "protocol/transport_address.h"

namespace uturn {

/// Both ends included, one family, first <= last, compared byte by byte in network order.
struct AddressRange {
  IpAddress first;
  IpAddress last;

  /// "10.0.0.0/8", "10.0.0.1-10.0.0.9", "2001:db8::/32", "192.0.2.1". nullopt for all else, host
  /// bits set behind a prefix included.
  static std::optional<AddressRange> parse(std::string_view text);
  bool contains(const IpAddress& address) const {
    return address.family() == first.family() && first <= address && address <= last;
  }
  std::string to_string() const;
  friend bool operator==(const AddressRange&, const AddressRange&) = default;
};

}  // namespace uturn
