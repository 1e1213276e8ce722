// GsoRefusals: destinations and routes over which the kernel refused a segmented send.
#pragma once

#include <array>

#include "protocol/time.h"
#include "protocol/transport_address.h"

namespace uturn {

/// Of a fixed size: where a set is full, the entry that ends first makes room, and the price of a
/// forgotten entry is one more refused send.
class GsoRefusals {
 public:
  /// A peer that lowers its path MTU, or lies about it, must not cost others their runs, so an
  /// EINVAL or EMSGSIZE holds for one destination and a minute.
  static constexpr Duration kDestinationTime = 60s;
  /// EIO is the device's word (IPsec, no checksum offload). Which device a destination leaves by
  /// only the kernel knows and may change, so it holds for the destination's /24 or /64: each
  /// network behind such a device costs one refused send in this time.
  static constexpr Duration kRouteTime = 600s;

  explicit GsoRefusals(uint64_t hash_seed) : hash_seed_(hash_seed) {}

  void remember_destination(const IpAddress& destination, Instant now);
  void remember_route(const IpAddress& destination, Instant now);
  bool contains(const IpAddress& destination, Instant now) const;

 private:
  static constexpr size_t kSets = 128;
  static constexpr size_t kWays = 4;
  struct Entry {
    IpAddress address;
    bool whole_route = false;
    Instant until{Duration::min()};
  };
  using Set = std::array<Entry, kWays>;

  size_t set_of(const IpAddress& address) const { return hash_of(address, hash_seed_) % kSets; }
  void remember(const IpAddress& address, bool whole_route, Instant now, Instant until);
  bool holds(const IpAddress& address, bool whole_route, Instant now) const;

  uint64_t hash_seed_;
  std::array<Set, kSets> sets_{};
  Instant last_until_{Duration::min()};  ///< nothing is remembered past this: the usual quick no
};

}  // namespace uturn
