// The special-purpose table is ordered, nested, and finds the most specific entry.
#include "auth/special_purpose.h"

#include <gtest/gtest.h>

namespace uturn {
namespace {

std::string found(std::string_view address) {
  const SpecialPurposeRange* entry = find_special_purpose(*IpAddress::parse(address));
  return entry == nullptr ? "" : entry->range.to_string();
}

TEST(SpecialPurpose, RangesAreSortedAndNeverOverlapHalfway) {
  const auto ranges = special_purpose_ranges();
  for (size_t i = 0; i < ranges.size(); ++i) {
    for (size_t j = i + 1; j < ranges.size(); ++j) {
      const AddressRange& a = ranges[i].range;
      const AddressRange& b = ranges[j].range;
      EXPECT_LE(a.first, b.first);
      const bool is_disjoint = !a.contains(b.first);
      const bool is_nested = a.contains(b.first) && a.contains(b.last) && a != b;
      EXPECT_TRUE(is_disjoint || is_nested) << a.to_string() << " " << b.to_string();
    }
  }
}

TEST(SpecialPurpose, FindsTheMostSpecificRange) {
  EXPECT_EQ(found("192.0.0.1"), "192.0.0.0/29");
  EXPECT_EQ(found("192.0.0.9"), "192.0.0.9");
  EXPECT_EQ(found("192.0.0.11"), "192.0.0.0/24");
  EXPECT_EQ(found("192.0.0.255"), "192.0.0.0/24");
  EXPECT_EQ(found("192.0.1.0"), "");
  EXPECT_EQ(found("0.0.0.0"), "0.0.0.0");
  EXPECT_EQ(found("0.0.0.1"), "0.0.0.0/8");
  EXPECT_EQ(found("2001:1::2"), "2001:1::2");
  EXPECT_EQ(found("2001:1::4"), "2001::/23");
  EXPECT_EQ(found("2001::1"), "2001::/32");
  EXPECT_EQ(found("2001:200::1"), "");
  EXPECT_EQ(found("255.255.255.255"), "255.255.255.255");
}

TEST(SpecialPurpose, FindsEveryEndOfEveryRange) {
  for (const SpecialPurposeRange& entry : special_purpose_ranges()) {
    for (const IpAddress& end : {entry.range.first, entry.range.last}) {
      const SpecialPurposeRange* most_specific = nullptr;
      for (const SpecialPurposeRange& other : special_purpose_ranges()) {
        if (other.range.contains(end)) most_specific = &other;  // sorted: inner ones come later
      }
      EXPECT_EQ(find_special_purpose(end), most_specific) << end.to_string();
    }
  }
}

TEST(SpecialPurpose, GloballyReachableAreOnlyTheRegistrysExceptions) {
  std::vector<std::string> reachable;
  for (const SpecialPurposeRange& entry : special_purpose_ranges()) {
    if (entry.globally_reachable) reachable.push_back(entry.range.to_string());
  }
  EXPECT_EQ(reachable,
            (std::vector<std::string>{
                "192.0.0.9", "192.0.0.10", "192.31.196.0/24", "192.52.193.0/24", "192.175.48.0/24",
                "64:ff9b::/96", "2001:1::1", "2001:1::2", "2001:1::3", "2001:3::/32",
                "2001:4:112::/48", "2001:20::/28", "2001:30::/28", "2620:4f:8000::/48"}));
}

}  // namespace
}  // namespace uturn
