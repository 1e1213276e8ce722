// PeerPolicy: to whom may be relayed.
#pragma once

#include <string_view>
#include <vector>

#include "auth/address_range.h"
#include "protocol/transport_address.h"

namespace uturn {

enum class PeerRule : uint8_t {
  permitted,       ///< no rule speaks against it
  allowed,         ///< by `peers.allow`
  never,           ///< unspecified, or a transport address of this server
  denied,          ///< by `peers.deny`
  denied_special,  ///< by the special-purpose table
};

/// What the policy says, and by which range, for the one log line per newly denied range.
struct PeerDecision {
  PeerRule rule = PeerRule::permitted;
  AddressRange range{};     ///< the range that decided; meaningless for `permitted`
  std::string_view name{};  ///< of a special-purpose range
  bool is_permitted() const { return rule == PeerRule::permitted || rule == PeerRule::allowed; }
};

/// Order: built-in never, `allow`, `deny`, default deny, permitted, whatever the prefix lengths.
/// Compared in canonical form (IpAddress::canonical), the given rules too; a rule about a disguised
/// IPv4 range counts for IPv4. An own relayed transport address is not decided here: the relay asks
/// its held ports first.
class PeerPolicy {
 public:
  struct Settings {
    std::vector<AddressRange> allow;
    std::vector<AddressRange> deny;
    /// Listeners, metrics, admin, credential service. A wildcard counts for every local address.
    std::vector<TransportAddress> own_services;
    std::vector<IpAddress> local_addresses;  ///< what a wildcard stands for
    bool default_deny = true;                ///< false only for configurations imported from coturn
  };

  explicit PeerPolicy(Settings settings);

  /// For permissions, where only the address counts.
  PeerDecision decide(const IpAddress& peer) const;
  /// For datagrams and channels: an own service is never a peer, its address with another port may
  /// be.
  PeerDecision decide(const TransportAddress& peer) const;

 private:
  struct Table;  // sorted, non-overlapping; binary search
  Settings settings_;
  std::vector<AddressRange> allow_;  ///< canonical, merged, sorted by first
  std::vector<AddressRange> deny_;
};

}  // namespace uturn
