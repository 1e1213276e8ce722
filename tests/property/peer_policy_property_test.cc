// The peer policy agrees with a naive reference over random rules and every disguise of an address.
#include <gtest/gtest.h>

#include <map>

#include "auth/peer_policy.h"
#include "auth/special_purpose.h"
#include "seeded.h"

namespace uturn {
namespace {

// The reference: addresses are numbers, rules a list that is walked from its start.

__extension__ using Number = unsigned __int128;

struct Point {
  bool is_v4 = false;
  Number number = 0;
};

Number number_of(const IpAddress& address) {
  Number number = 0;
  for (const uint8_t byte : address.bytes()) number = number << 8 | byte;
  return number;
}

IpAddress address_of(Point point) {
  std::array<uint8_t, 16> bytes{};
  const size_t size = point.is_v4 ? 4 : 16;
  for (size_t i = 0; i < size; ++i) {
    bytes[i] = static_cast<uint8_t>(point.number >> 8 * (size - 1 - i));
  }
  return point.is_v4 ? IpAddress::v4(std::span{bytes}.first<4>()) : IpAddress::v6(bytes);
}

enum class Disguise { mapped, compatible, nat64, six_to_four };
constexpr std::array kDisguises{Disguise::mapped, Disguise::compatible, Disguise::nat64,
                                Disguise::six_to_four};

/// `below`: what a 6to4 address has behind its IPv4 part.
Number wear(Disguise disguise, uint32_t v4, Number below = 0) {
  switch (disguise) {
    case Disguise::mapped:
      return Number{0xFFFF} << 32 | v4;
    case Disguise::compatible:
      return v4;
    case Disguise::nat64:
      return Number{0x0064FF9B} << 96 | v4;
    case Disguise::six_to_four:
      return Number{0x2002} << 112 | Number{v4} << 80 | below;
  }
  return 0;
}

std::optional<Disguise> disguise_of(Number v6) {
  if (v6 >> 32 == 0xFFFF) return Disguise::mapped;
  if (v6 >> 32 == 0 && v6 > 1) return Disguise::compatible;
  if (v6 >> 32 == Number{0x0064FF9B} << 64) return Disguise::nat64;
  if (v6 >> 112 == 0x2002) return Disguise::six_to_four;
  return std::nullopt;
}

uint32_t take_off(Disguise disguise, Number v6) {
  return static_cast<uint32_t>(disguise == Disguise::six_to_four ? v6 >> 80 : v6);
}

bool is_local_translation(Number v6) { return v6 >> 80 == 0x0064FF9B0001; }

Point point_to_compare(const IpAddress& peer) {
  const Number number = number_of(peer);
  if (peer.is_v4()) return {true, number};
  if (const auto disguise = disguise_of(number)) return {true, take_off(*disguise, number)};
  return {false, number};
}

bool holds_for(const AddressRange& rule, Point point, bool is_allow) {
  Number first = number_of(rule.first);
  Number last = number_of(rule.last);
  bool is_v4 = rule.first.is_v4();
  if (!is_v4) {
    const auto disguise = disguise_of(first);
    if (disguise && disguise == disguise_of(last)) {
      is_v4 = true;
      first = take_off(*disguise, first);
      last = take_off(*disguise, last);
    } else if (is_allow && !point.is_v4 && is_local_translation(point.number)) {
      if (!is_local_translation(first) || !is_local_translation(last)) return false;
    }
  }
  return is_v4 == point.is_v4 && first <= point.number && point.number <= last;
}

PeerRule naive_rule(const PeerPolicy::Settings& settings, const IpAddress& peer) {
  const Point point = point_to_compare(peer);
  if (point.number == 0) return PeerRule::never;
  for (const AddressRange& rule : settings.realm_allow) {
    if (holds_for(rule, point, true)) return PeerRule::allowed;
  }
  for (const AddressRange& rule : settings.realm_deny) {
    if (holds_for(rule, point, false)) return PeerRule::denied_by_realm;
  }
  for (const AddressRange& rule : settings.allow) {
    if (holds_for(rule, point, true)) return PeerRule::allowed;
  }
  for (const AddressRange& rule : settings.deny) {
    if (holds_for(rule, point, false)) return PeerRule::denied;
  }
  if (!settings.default_deny) return PeerRule::permitted;
  const SpecialPurposeRange* narrowest = nullptr;
  for (const SpecialPurposeRange& entry : special_purpose_ranges()) {
    const Number first = number_of(entry.range.first);
    const Number last = number_of(entry.range.last);
    if (entry.range.first.is_v4() != point.is_v4 || point.number < first || last < point.number) {
      continue;
    }
    const bool is_narrower =
        narrowest == nullptr ||
        last - first < number_of(narrowest->range.last) - number_of(narrowest->range.first);
    if (is_narrower) narrowest = &entry;
  }
  return narrowest == nullptr || narrowest->globally_reachable ? PeerRule::permitted
                                                               : PeerRule::denied_special;
}

// The cases: addresses near the ends of ranges that matter, plain and disguised.

Number all_ones(bool is_v4) { return is_v4 ? Number{UINT32_MAX} : ~Number{0}; }

Number random_number(Seeded& random) { return Number{random.word()} << 64 | random.word(); }

Point random_point(Seeded& random) {
  if (random.one_in(4)) {
    const bool is_v4 = random.one_in(2);
    return {is_v4, random_number(random) & all_ones(is_v4)};
  }
  const auto ranges = special_purpose_ranges();
  const AddressRange& range = ranges[random.below(ranges.size())].range;
  Point point{range.first.is_v4(), number_of(random.one_in(2) ? range.first : range.last)};
  point.number += random.below(5);
  point.number -= 2;
  point.number &= all_ones(point.is_v4);
  return point;
}

AddressRange random_rule(Seeded& random) {
  const Point point = random_point(random);
  const Number ones = all_ones(point.is_v4);
  const size_t width = point.is_v4 ? 32 : 128;
  Number first = point.number;
  Number last = first;
  if (random.one_in(2)) {
    const size_t prefix = random.below(width + 1);
    const Number host_bits = prefix == 0 ? ones : (Number{1} << (width - prefix)) - 1;
    first &= ~host_bits;
    last = first | host_bits;
  } else {
    last += random.one_in(2) ? Number{random.below(300)} : random_number(random) & ones;
    last = std::min(last & ones, ones);
    if (last < first) std::swap(first, last);
  }
  if (point.is_v4 && random.one_in(3)) {
    const Disguise disguise = random.pick(kDisguises);
    const Number below = disguise == Disguise::six_to_four ? (Number{1} << 80) - 1 : 0;
    const Number worn_first = wear(disguise, static_cast<uint32_t>(first));
    const Number worn_last = wear(disguise, static_cast<uint32_t>(last), below);
    return {address_of({false, worn_first}), address_of({false, worn_last})};
  }
  return {address_of({point.is_v4, first}), address_of({point.is_v4, last})};
}

std::vector<AddressRange> random_rules(Seeded& random) {
  std::vector<AddressRange> rules(random.below(8));
  for (AddressRange& rule : rules) rule = random_rule(random);
  return rules;
}

IpAddress random_peer(Seeded& random, const PeerPolicy::Settings& settings) {
  const std::vector<AddressRange>* const lists[] = {&settings.allow, &settings.deny,
                                                    &settings.realm_allow, &settings.realm_deny};
  const auto& rules = *lists[random.below(std::size(lists))];
  Point point = random_point(random);
  if (!rules.empty() && random.one_in(2)) {
    const AddressRange& rule = random.pick(rules);
    point = {rule.first.is_v4(), number_of(random.one_in(2) ? rule.first : rule.last)};
    point.number += random.below(3);
    point.number = (point.number - 1) & all_ones(point.is_v4);
  }
  if (point.is_v4 && random.one_in(2)) {
    const Number below = random_number(random) & ((Number{1} << 80) - 1);
    point = {false, wear(random.pick(kDisguises), static_cast<uint32_t>(point.number), below)};
  }
  return address_of(point);
}

/// For the message of a failure.
std::string text_of(const std::vector<AddressRange>& rules) {
  std::string text;
  for (const AddressRange& rule : rules) text += rule.to_string() + " ";
  return text;
}

TEST(PeerPolicyProperty, AgreesWithTheNaiveReference) {
  std::map<PeerRule, size_t> seen;
  for_seeds(2000, [&](Seeded& random) {
    const PeerPolicy::Settings settings{.allow = random_rules(random),
                                        .deny = random_rules(random),
                                        .realm_allow = random_rules(random),
                                        .realm_deny = random_rules(random),
                                        .default_deny = !random.one_in(4)};
    const PeerPolicy policy{settings};
    for (int i = 0; i < 200; ++i) {
      const IpAddress peer = random_peer(random, settings);
      const PeerDecision decision = policy.decide(peer);
      ++seen[decision.rule];
      ASSERT_EQ(decision.rule, naive_rule(settings, peer))
          << peer.to_string() << "\nallow " << text_of(settings.allow) << "\ndeny "
          << text_of(settings.deny) << "\nthe realm's: allow " << text_of(settings.realm_allow)
          << "\ndeny " << text_of(settings.realm_deny);
      if (decision.rule == PeerRule::permitted) continue;
      const Point point = point_to_compare(peer);
      EXPECT_TRUE(decision.range.contains(address_of(point))) << peer.to_string();
    }
  });
  if (std::getenv("UTURN_SEED") == nullptr) {
    EXPECT_EQ(seen.size(), 6U) << "a kind of decision was never made: the cases prove less";
  }
}

TEST(PeerPolicyProperty, EveryDisguiseOfAnAddressIsDecidedLikeTheAddress) {
  for_seeds(400, [](Seeded& random) {
    const PeerPolicy policy{{.allow = random_rules(random), .deny = random_rules(random)}};
    for (int i = 0; i < 50; ++i) {
      const auto v4 = static_cast<uint32_t>(random.word());
      const PeerRule plain = policy.decide(address_of({true, v4})).rule;
      for (const Disguise disguise : kDisguises) {
        const Number below = random_number(random) & ((Number{1} << 80) - 1);
        const IpAddress peer = address_of({false, wear(disguise, v4, below)});
        ASSERT_EQ(policy.decide(peer).rule, plain) << peer.to_string();
      }
    }
  });
}

TEST(PeerPolicyProperty, ARangeIsReadBackAsWritten) {
  for_seeds(2000, [](Seeded& random) {
    const AddressRange range = random_rule(random);
    EXPECT_EQ(AddressRange::parse(range.to_string()), range) << range.to_string();
  });
}

}  // namespace
}  // namespace uturn
