// Relay addresses that could never work, and those that do.
#include "server/relay_checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace uturn {
namespace {

using ::testing::HasSubstr;

IpAddress ip(std::string_view text) { return *IpAddress::parse(text); }
ExternalMapping mapping(std::string_view text) { return *ExternalMapping::parse(text); }

TEST(RelayChecks, AMappingOfNoRelayAddressIsNamed) {
  const std::vector<IpAddress> addresses = {ip("10.0.0.5"), ip("10.0.0.6")};
  EXPECT_FALSE(find_unused_mapping({mapping("203.0.113.7/10.0.0.6")}, addresses));
  EXPECT_FALSE(find_unused_mapping({mapping("203.0.113.7")}, addresses));
  EXPECT_EQ(find_unused_mapping({mapping("203.0.113.7"), mapping("2001:db8::7")}, addresses),
            mapping("2001:db8::7"));
  EXPECT_EQ(find_unused_mapping({mapping("203.0.113.7/10.0.0.7")}, addresses),
            mapping("203.0.113.7/10.0.0.7"));
}

TEST(RelayChecks, TwoAddressesMustNotLookLikeOne) {
  const std::vector<IpAddress> addresses = {ip("10.0.0.5"), ip("10.0.0.6"), ip("2001:db8::5")};
  const IpAddress shown = ip("203.0.113.7");
  EXPECT_EQ(find_ambiguous_address({mapping("203.0.113.7")}, addresses), shown);
  EXPECT_EQ(find_ambiguous_address(
                {mapping("203.0.113.7/10.0.0.5"), mapping("203.0.113.7/10.0.0.6")}, addresses),
            shown);
  EXPECT_EQ(find_ambiguous_address({mapping("10.0.0.6/10.0.0.5")}, addresses), ip("10.0.0.6"));

  EXPECT_EQ(find_ambiguous_address({}, addresses), std::nullopt);
  EXPECT_EQ(find_ambiguous_address(
                {mapping("203.0.113.7/10.0.0.5"), mapping("203.0.113.8/10.0.0.6")}, addresses),
            std::nullopt);
  EXPECT_EQ(find_ambiguous_address({mapping("203.0.113.7"), mapping("2001:db8::7")},
                                   {ip("10.0.0.5"), ip("2001:db8::5")}),
            std::nullopt);
}

TEST(RelayChecks, TheDefaultFamilyNeedsAnAddress) {
  EXPECT_FALSE(has_default_family(DefaultFamily::ipv4, {ip("2001:db8::5")}));
  EXPECT_TRUE(has_default_family(DefaultFamily::ipv6, {ip("2001:db8::5")}));
  EXPECT_FALSE(has_default_family(DefaultFamily::ipv6, {ip("10.0.0.5")}));
  EXPECT_TRUE(has_default_family(DefaultFamily::keep, {ip("10.0.0.5")}));
}

TEST(RelayChecks, AnAddressOfAnotherMachineCannotBeBound) {
  EXPECT_TRUE(try_relay_addresses({ip("127.0.0.1")}, false));
  const auto tried = try_relay_addresses({ip("127.0.0.1"), ip("192.0.2.1")}, false);
  ASSERT_FALSE(tried);
  EXPECT_THAT(tried.error(), HasSubstr("bound to 192.0.2.1: "));
  EXPECT_TRUE(try_relay_addresses({ip("192.0.2.1")}, true)) << "it may come later";
  EXPECT_EQ(try_relay_addresses({}, true).error(), "there is no address to relay from");
}

}  // namespace
}  // namespace uturn
