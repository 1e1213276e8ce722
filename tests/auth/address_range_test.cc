// Ranges in the three forms that configurations use, and nothing else.
#include "auth/address_range.h"

#include <gtest/gtest.h>

namespace uturn {
namespace {

IpAddress ip(std::string_view text) { return *IpAddress::parse(text); }

TEST(AddressRange, ReadsPrefixesPairsAndSingleAddresses) {
  const auto prefix = AddressRange::parse("10.0.0.0/8");
  ASSERT_TRUE(prefix);
  EXPECT_EQ(prefix->first, ip("10.0.0.0"));
  EXPECT_EQ(prefix->last, ip("10.255.255.255"));

  const auto pair = AddressRange::parse("10.0.0.1-10.0.0.9");
  ASSERT_TRUE(pair);
  EXPECT_EQ(pair->first, ip("10.0.0.1"));
  EXPECT_EQ(pair->last, ip("10.0.0.9"));

  const auto one = AddressRange::parse("2001:db8::7");
  ASSERT_TRUE(one);
  EXPECT_EQ(one->first, one->last);

  const auto v6 = AddressRange::parse("2001:db8::/33");
  ASSERT_TRUE(v6);
  EXPECT_EQ(v6->last, ip("2001:db8:7fff:ffff:ffff:ffff:ffff:ffff"));
}

TEST(AddressRange, ReadsTheWidestAndTheNarrowestPrefix) {
  EXPECT_EQ(AddressRange::parse("0.0.0.0/0")->last, ip("255.255.255.255"));
  EXPECT_EQ(AddressRange::parse("::/0")->last, ip("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"));
  EXPECT_EQ(AddressRange::parse("192.0.2.1/32"), AddressRange::parse("192.0.2.1"));
  EXPECT_EQ(AddressRange::parse("2001:db8::1/128"), AddressRange::parse("2001:db8::1"));
}

TEST(AddressRange, RefusesAllElse) {
  for (const char* text : {"",
                           "/",
                           "-",
                           "10.0.0.0/",
                           "10.0.0.0/33",
                           "10.0.0.0/-1",
                           "10.0.0.0/+8",
                           "10.0.0.0/08",
                           "10.0.0.0/8 ",
                           " 10.0.0.0/8",
                           "10.0.0.0/8/8",
                           "10.0.0.1/8",
                           "10.0.0/8",
                           "2001:db8::/129",
                           "2001:db8::1/64",
                           "10.0.0.9-10.0.0.1",
                           "10.0.0.1-",
                           "-10.0.0.1",
                           "10.0.0.1-2001:db8::1",
                           "10.0.0.1 - 10.0.0.9",
                           "10.0.0.1-10.0.0.2-10.0.0.3",
                           "example.org",
                           "10.0.0.0/4294967304",
                           "fe80::1%eth0",
                           "[2001:db8::1]",
                           "10.0.0.1:80"}) {
    EXPECT_FALSE(AddressRange::parse(text)) << '"' << text << '"';
  }
}

TEST(AddressRange, WritesTheShortestFormThatReadsBackTheSame) {
  for (const char* text : {"10.0.0.0/8", "0.0.0.0/0", "::/0", "192.0.2.1", "2001:db8::/33",
                           "10.0.0.1-10.0.0.9", "2001:db8::1-2001:db8::3", "fe80::/10"}) {
    const auto range = AddressRange::parse(text);
    ASSERT_TRUE(range) << text;
    EXPECT_EQ(range->to_string(), text);
  }
  EXPECT_EQ(AddressRange::parse("10.0.0.0-10.255.255.255")->to_string(), "10.0.0.0/8");
}

TEST(AddressRange, ContainsBothEndsAndOneFamily) {
  const auto range = *AddressRange::parse("10.0.0.1-10.0.0.9");
  EXPECT_FALSE(range.contains(ip("10.0.0.0")));
  EXPECT_TRUE(range.contains(ip("10.0.0.1")));
  EXPECT_TRUE(range.contains(ip("10.0.0.9")));
  EXPECT_FALSE(range.contains(ip("10.0.0.10")));
  EXPECT_FALSE(AddressRange::parse("::/0")->contains(ip("10.0.0.1")));
}

// coturn compared IPv6 ends byte by byte without carrying the order over (6c13608c).
TEST(AddressRange, ComparesIpv6LikeOneNumber) {
  const auto range = *AddressRange::parse("2001:db8:0:ff::-2001:db8:1:1::");
  EXPECT_TRUE(range.contains(ip("2001:db8:0:ff00::ff")));
  EXPECT_TRUE(range.contains(ip("2001:db8:1::ffff")));
  EXPECT_FALSE(range.contains(ip("2001:db8:1:1::1")));
  EXPECT_FALSE(range.contains(ip("2001:db8:0:fe:ffff::")));
}

}  // namespace
}  // namespace uturn
