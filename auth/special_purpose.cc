// The IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890, RFC 8190), as of May 2025.
#include "auth/special_purpose.h"

#include <array>

namespace uturn {
namespace {

struct Entry {
  std::string_view range;
  std::string_view name;
  bool globally_reachable;
};

// The newest entry known here is that of RFC 9780. "N/A" in the registry's column Globally
// Reachable counts as no: Teredo and the deprecated blocks lead nowhere a peer should be.
constexpr std::string_view kDate = "2025-05";
constexpr std::array kEntries = std::to_array<Entry>({
    // IPv4
    {"0.0.0.0/8", "This network (RFC 791)", false},
    {"0.0.0.0/32", "This host on this network (RFC 1122)", false},
    {"10.0.0.0/8", "Private-Use (RFC 1918)", false},
    {"100.64.0.0/10", "Shared Address Space (RFC 6598)", false},
    {"127.0.0.0/8", "Loopback (RFC 1122)", false},
    {"169.254.0.0/16", "Link Local (RFC 3927)", false},
    {"172.16.0.0/12", "Private-Use (RFC 1918)", false},
    {"192.0.0.0/24", "IETF Protocol Assignments (RFC 6890)", false},
    {"192.0.0.0/29", "IPv4 Service Continuity Prefix (RFC 7335)", false},
    {"192.0.0.8/32", "IPv4 dummy address (RFC 7600)", false},
    {"192.0.0.9/32", "Port Control Protocol Anycast (RFC 7723)", true},
    {"192.0.0.10/32", "Traversal Using Relays around NAT Anycast (RFC 8155)", true},
    {"192.0.0.170/32", "NAT64/DNS64 Discovery (RFC 8880)", false},
    {"192.0.0.171/32", "NAT64/DNS64 Discovery (RFC 8880)", false},
    {"192.0.2.0/24", "Documentation, TEST-NET-1 (RFC 5737)", false},
    {"192.31.196.0/24", "AS112-v4 (RFC 7535)", true},
    {"192.52.193.0/24", "AMT (RFC 7450)", true},
    {"192.88.99.0/24", "Deprecated, 6to4 Relay Anycast (RFC 7526)", false},
    {"192.88.99.2/32", "6a44-relay anycast address (RFC 6751)", false},
    {"192.168.0.0/16", "Private-Use (RFC 1918)", false},
    {"192.175.48.0/24", "Direct Delegation AS112 Service (RFC 7534)", true},
    {"198.18.0.0/15", "Benchmarking (RFC 2544)", false},
    {"198.51.100.0/24", "Documentation, TEST-NET-2 (RFC 5737)", false},
    {"203.0.113.0/24", "Documentation, TEST-NET-3 (RFC 5737)", false},
    {"224.0.0.0/4", "Multicast (RFC 5771)", false},  // of its own registry
    {"240.0.0.0/4", "Reserved (RFC 1112)", false},
    {"255.255.255.255/32", "Limited Broadcast (RFC 8190)", false},
    // IPv6. IpAddress::canonical() unwraps ::ffff:0:0/96, 64:ff9b::/96 and 2002::/16 before
    // anybody looks here; they stand for whoever compares the table with IANA's.
    {"::/128", "Unspecified Address (RFC 4291)", false},
    {"::1/128", "Loopback Address (RFC 4291)", false},
    {"::ffff:0:0/96", "IPv4-mapped Address (RFC 4291)", false},
    {"64:ff9b::/96", "IPv4-IPv6 Translation (RFC 6052)", true},
    {"64:ff9b:1::/48", "IPv4-IPv6 Translation, local use (RFC 8215)", false},
    {"100::/64", "Discard-Only Address Block (RFC 6666)", false},
    {"100:0:0:1::/64", "Dummy IPv6 Prefix (RFC 9780)", false},
    {"2001::/23", "IETF Protocol Assignments (RFC 2928)", false},
    {"2001::/32", "TEREDO (RFC 4380)", false},
    {"2001:1::1/128", "Port Control Protocol Anycast (RFC 7723)", true},
    {"2001:1::2/128", "Traversal Using Relays around NAT Anycast (RFC 8155)", true},
    {"2001:1::3/128", "DNS-SD Service Registration Protocol Anycast (RFC 9665)", true},
    {"2001:2::/48", "Benchmarking (RFC 5180)", false},
    {"2001:3::/32", "AMT (RFC 7450)", true},
    {"2001:4:112::/48", "AS112-v6 (RFC 7535)", true},
    {"2001:10::/28", "Deprecated, ORCHID (RFC 4843)", false},
    {"2001:20::/28", "ORCHIDv2 (RFC 7343)", true},
    {"2001:30::/28", "Drone Remote ID Protocol Entity Tags Prefix (RFC 9374)", true},
    {"2001:db8::/32", "Documentation (RFC 3849)", false},
    {"2002::/16", "6to4 (RFC 3056)", false},
    {"2620:4f:8000::/48", "Direct Delegation AS112 Service (RFC 7534)", true},
    {"3fff::/20", "Documentation (RFC 9637)", false},
    {"5f00::/16", "Segment Routing (SRv6) SIDs (RFC 9602)", false},
    {"fc00::/7", "Unique-Local (RFC 4193)", false},
    {"fe80::/10", "Link-Local Unicast (RFC 4291)", false},
    {"fec0::/10", "Deprecated, Site-Local (RFC 3879)", false},  // old hosts still have them
    {"ff00::/8", "Multicast (RFC 4291)", false},                // of its own registry
});

/// The ranges in order, each with the place of the range that encloses it.
struct Table {
  static constexpr size_t kNone = kEntries.size();
  std::array<SpecialPurposeRange, kEntries.size()> ranges{};
  std::array<size_t, kEntries.size()> enclosing{};

  Table() {
    std::ranges::transform(kEntries, ranges.begin(), [](const Entry& entry) {
      const auto range = AddressRange::parse(entry.range);
      CHECK(range);
      return SpecialPurposeRange{*range, entry.name, entry.globally_reachable};
    });
    std::ranges::sort(ranges, [](const auto& a, const auto& b) {
      if (a.range.first != b.range.first) return a.range.first < b.range.first;
      return b.range.last < a.range.last;
    });
    for (size_t i = 0; i < ranges.size(); ++i) {
      size_t candidate = i == 0 ? kNone : i - 1;
      while (candidate != kNone && !ranges[candidate].range.contains(ranges[i].range.first)) {
        candidate = enclosing[candidate];
      }
      enclosing[i] = candidate;
    }
  }
};

const Table& table() {
  static const Table kTable;
  return kTable;
}

}  // namespace

std::span<const SpecialPurposeRange> special_purpose_ranges() { return table().ranges; }

const SpecialPurposeRange* find_special_purpose(const IpAddress& canonical) {
  const Table& all = table();
  // The last range that starts at or before the address is the most specific candidate; when the
  // address lies behind its end, only what encloses it can hold the address.
  const auto next =
      std::ranges::upper_bound(all.ranges, canonical, {},
                               [](const SpecialPurposeRange& entry) { return entry.range.first; });
  size_t at = static_cast<size_t>(next - all.ranges.begin());
  at = at == 0 ? Table::kNone : at - 1;
  while (at != Table::kNone && !all.ranges[at].range.contains(canonical)) at = all.enclosing[at];
  return at == Table::kNone ? nullptr : &all.ranges[at];
}

std::string_view special_purpose_date() { return kDate; }

}  // namespace uturn
