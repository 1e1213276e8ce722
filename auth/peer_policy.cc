// PeerPolicy: rules made canonical and merged once, then searched.
//
// Also: RFC 8656, Section 21.1.4.
#include "auth/peer_policy.h"

#include "auth/special_purpose.h"

namespace uturn {
namespace {

AddressRange range_of(std::string_view text) {
  const auto range = AddressRange::parse(text);
  CHECK(range);
  return *range;
}

/// The translation prefix of local use, and its neighbours: what an allow rule around it ends and
/// starts again with.
struct LocalTranslation {
  AddressRange prefix = range_of("64:ff9b:1::/48");
  IpAddress before = range_of("64:ff9b:0:ffff:ffff:ffff:ffff:ffff").first;
  IpAddress after = range_of("64:ff9b:2::").first;
};
const LocalTranslation& local_translation() {
  static const LocalTranslation kLocalTranslation;
  return kLocalTranslation;
}

bool is_within(const AddressRange& inner, const AddressRange& outer) {
  return outer.contains(inner.first) && outer.contains(inner.last);
}

IpAddress form_to_compare(const IpAddress& peer) {
  return local_translation().prefix.contains(peer) ? peer : peer.canonical();
}

/// The IPv4 range that a range within one disguise means; anything else as it is.
AddressRange canonical(const AddressRange& rule) {
  static const std::vector<AddressRange> kDisguises{
      range_of("::2-::ffff:ffff"), range_of("::ffff:0:0/96"), range_of("64:ff9b::/96"),
      range_of("2002::/16")};
  for (const AddressRange& disguise : kDisguises) {
    if (is_within(rule, disguise)) return {rule.first.canonical(), rule.last.canonical()};
  }
  return rule;
}

/// The rule without the translation prefix of local use, unless it lies within that prefix.
std::vector<AddressRange> around_local_translation(const AddressRange& rule) {
  const LocalTranslation& local = local_translation();
  const bool is_apart = rule.first.family() != local.prefix.first.family() ||
                        rule.last < local.prefix.first || local.prefix.last < rule.first;
  if (is_apart || is_within(rule, local.prefix)) return {rule};
  std::vector<AddressRange> pieces;
  if (rule.first < local.prefix.first) pieces.push_back({rule.first, local.before});
  if (local.prefix.last < rule.last) pieces.push_back({local.after, rule.last});
  return pieces;
}

/// Sorted; ranges that overlap made one, so that at most one can contain an address.
std::vector<AddressRange> merge(std::vector<AddressRange> ranges) {
  std::ranges::sort(ranges, {}, &AddressRange::first);
  std::vector<AddressRange> merged;
  for (const AddressRange& range : ranges) {
    if (!merged.empty() && merged.back().contains(range.first)) {
      merged.back().last = std::max(merged.back().last, range.last);
    } else {
      merged.push_back(range);
    }
  }
  return merged;
}

const AddressRange* find_range(const std::vector<AddressRange>& merged, const IpAddress& address) {
  const auto next = std::ranges::upper_bound(merged, address, {}, &AddressRange::first);
  if (next == merged.begin()) return nullptr;
  const AddressRange& candidate = *std::prev(next);
  return candidate.contains(address) ? &candidate : nullptr;
}

std::vector<AddressRange> prepare_allowed(const std::vector<AddressRange>& rules) {
  std::vector<AddressRange> ranges;
  for (const AddressRange& rule : rules) {
    for (const AddressRange& piece : around_local_translation(rule)) {
      ranges.push_back(canonical(piece));
    }
  }
  return merge(std::move(ranges));
}

std::vector<AddressRange> prepare_denied(const std::vector<AddressRange>& rules) {
  std::vector<AddressRange> ranges;
  for (const AddressRange& rule : rules) ranges.push_back(canonical(rule));
  return merge(std::move(ranges));
}

template <class T>
void sort_unique(std::vector<T>& values) {
  std::ranges::sort(values);
  const auto surplus = std::ranges::unique(values);
  values.erase(surplus.begin(), surplus.end());
}

}  // namespace

std::string option_that_would_allow(const PeerDecision& decision) {
  if (decision.is_permitted() || decision.rule == PeerRule::never) return {};
  const bool is_of_realm = decision.rule == PeerRule::denied_by_realm;
  return (is_of_realm ? "the realm's own peers.allow: [" : "peers.allow: [") +
         decision.range.to_string() + "]";
}

PeerPolicy::PeerPolicy(const Settings& settings)
    : realm_allow_(prepare_allowed(settings.realm_allow)),
      realm_deny_(prepare_denied(settings.realm_deny)),
      allow_(prepare_allowed(settings.allow)),
      deny_(prepare_denied(settings.deny)),
      default_deny_(settings.default_deny) {
  for (const TransportAddress& service : settings.own_services) {
    const IpAddress ip = service.ip.canonical();
    if (ip.is_unspecified()) {
      wildcard_ports_.push_back(service.port);
    } else {
      own_services_.push_back({.ip = ip, .port = service.port});
    }
  }
  for (const IpAddress& local : settings.local_addresses) {
    local_addresses_.push_back(local.canonical());
  }
  sort_unique(wildcard_ports_);
  sort_unique(own_services_);
  sort_unique(local_addresses_);
}

PeerDecision PeerPolicy::decide(const IpAddress& peer) const {
  // To send to the unspecified address is to send to oneself (CVE-2020-26262).
  const IpAddress compared = form_to_compare(peer);
  if (compared.is_unspecified()) return {PeerRule::never, {compared, compared}};

  if (const AddressRange* range = find_range(realm_allow_, compared)) {
    return {PeerRule::allowed, *range};
  }
  if (const AddressRange* range = find_range(realm_deny_, compared)) {
    return {PeerRule::denied_by_realm, *range};
  }
  if (const AddressRange* range = find_range(allow_, compared)) return {PeerRule::allowed, *range};
  if (const AddressRange* range = find_range(deny_, compared)) return {PeerRule::denied, *range};
  if (default_deny_) {
    const SpecialPurposeRange* special = find_special_purpose(compared);
    if (special != nullptr && !special->globally_reachable) {
      return {PeerRule::denied_special, special->range, special->name};
    }
  }
  return {};
}

PeerDecision PeerPolicy::decide(const TransportAddress& peer) const {
  if (is_own_service(peer)) {
    const IpAddress canonical = peer.ip.canonical();
    return {PeerRule::never, {canonical, canonical}};
  }
  return decide(peer.ip);
}

bool PeerPolicy::is_own_service(const TransportAddress& peer) const {
  const IpAddress ip = peer.ip.canonical();
  if (std::ranges::binary_search(own_services_, TransportAddress{.ip = ip, .port = peer.port})) {
    return true;
  }
  if (!std::ranges::binary_search(wildcard_ports_, peer.port)) return false;
  // All of 127.0.0.0/8 reaches a wildcard, not only the address that an interface has.
  return ip.is_loopback() || ip.is_unspecified() ||
         std::ranges::binary_search(local_addresses_, ip);
}

bool PeerPolicy::has_own_service(const IpAddress& peer) const {
  const IpAddress ip = peer.canonical();
  if (std::ranges::binary_search(own_services_, ip, {}, &TransportAddress::ip)) return true;
  if (wildcard_ports_.empty()) return false;
  return ip.is_loopback() || std::ranges::binary_search(local_addresses_, ip);
}

}  // namespace uturn
