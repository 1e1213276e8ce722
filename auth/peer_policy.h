// PeerPolicy: to whom may be relayed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "auth/address_range.h"
#include "protocol/transport_address.h"

namespace uturn {

enum class PeerRule : uint8_t {
  permitted,        ///< no rule speaks against it
  allowed,          ///< by `peers.allow`, the realm's own or everybody's
  never,            ///< unspecified, or a transport address of this server
  denied_by_realm,  ///< by the realm's own `peers.deny`
  denied,           ///< by `peers.deny`
  denied_special,   ///< by the special-purpose table
};

/// What the policy says, and by which range, for the one log line per newly denied range.
struct PeerDecision {
  PeerRule rule = PeerRule::permitted;
  AddressRange range{};     ///< the range that decided; meaningless for `permitted`
  std::string_view name{};  ///< of a special-purpose range
  bool is_permitted() const { return rule == PeerRule::permitted || rule == PeerRule::allowed; }
};

/// The setting that would allow what was denied, "peers.allow: [10.0.0.0/8]"; empty where none can.
std::string option_that_would_allow(const PeerDecision& decision);

/// Order: built-in never, the realm's own `allow` and `deny`, everybody's `allow` and `deny`,
/// default deny, permitted, whatever the prefix lengths. So a realm can deny what everybody may
/// reach. An own relayed transport address is not decided here: the relay asks its held ports
/// first.
///
/// Compared in canonical form (IpAddress::canonical), the given rules too: a rule that lies wholly
/// within one disguise (v4-mapped, v4-compatible, 6to4, NAT64) counts for the IPv4 addresses it
/// means, a wider one, ::/0, for IPv6 only. The one exception is 64:ff9b:1::/48, the translation
/// prefix of local use: where in it the IPv4 address stands is each network's choice (RFC 8215,
/// RFC 6052), so it is decided as it was given, and only a rule within it can allow any of it.
class PeerPolicy {
 public:
  struct Settings {
    std::vector<AddressRange> allow{};
    std::vector<AddressRange> deny{};
    std::vector<AddressRange> realm_allow{};
    std::vector<AddressRange> realm_deny{};
    /// Listeners, metrics, admin, credential service. A wildcard counts for every local address.
    std::vector<TransportAddress> own_services{};
    /// What a wildcard stands for, beside loopback: addresses of interfaces, external ones as well.
    std::vector<IpAddress> local_addresses{};
    bool default_deny = true;  ///< false only for configurations imported from coturn
  };

  explicit PeerPolicy(const Settings& settings);

  /// For permissions, where only the address counts.
  PeerDecision decide(const IpAddress& peer) const;
  /// For datagrams and channels: an own service is never a peer, its address with another port may
  /// be.
  PeerDecision decide(const TransportAddress& peer) const;
  /// The part of the above that a permission has not answered yet: for every Send indication.
  bool is_own_service(const TransportAddress& peer) const;
  /// Has any service of ours this address? Then its ports are looked at one by one.
  bool has_own_service(const IpAddress& peer) const;

 private:
  /// Canonical, merged, sorted by first: binary search.
  std::vector<AddressRange> realm_allow_;
  std::vector<AddressRange> realm_deny_;
  std::vector<AddressRange> allow_;
  std::vector<AddressRange> deny_;
  std::vector<TransportAddress> own_services_;  ///< canonical, without scope, sorted
  std::vector<uint16_t> wildcard_ports_;        ///< of own services on every local address; sorted
  std::vector<IpAddress> local_addresses_;      ///< canonical, sorted
  bool default_deny_;
};

}  // namespace uturn
