// To whom may be relayed: the order of rules, disguises, own services, the log line's option.
#include "auth/peer_policy.h"

#include <gtest/gtest.h>

namespace uturn {
namespace {

IpAddress ip(std::string_view text) { return *IpAddress::parse(text); }
TransportAddress transport(std::string_view text) { return *TransportAddress::parse(text); }

std::vector<AddressRange> ranges(std::initializer_list<std::string_view> texts) {
  std::vector<AddressRange> list;
  for (const std::string_view text : texts) list.push_back(*AddressRange::parse(text));
  return list;
}

PeerPolicy policy(std::initializer_list<std::string_view> allow = {},
                  std::initializer_list<std::string_view> deny = {}) {
  return PeerPolicy{{.allow = ranges(allow), .deny = ranges(deny)}};
}

TEST(PeerPolicy, DeniesTheSpecialPurposeSpaceByDefault) {
  for (const char* peer :
       {"0.1.2.3",         "10.1.2.3",          "100.64.0.1",      "127.0.0.1",
        "127.255.255.254", "169.254.169.254",   "172.16.0.1",      "172.31.255.255",
        "192.0.0.1",       "192.0.2.1",         "192.88.99.1",     "192.168.1.1",
        "198.18.0.1",      "198.51.100.1",      "203.0.113.1",     "224.0.0.1",
        "239.255.255.255", "240.0.0.1",         "255.255.255.255", "::1",
        "100::1",          "100:0:0:1::1",      "2001::1",         "2001:2::1",
        "2001:10::1",      "2001:db8::1",       "3fff::1",         "5f00::1",
        "fc00::1",         "fd12:3456::1",      "fe80::1",         "fec0::1",
        "ff02::1",         "64:ff9b:1::8.8.8.8"}) {
    const PeerDecision decision = policy().decide(ip(peer));
    EXPECT_EQ(decision.rule, PeerRule::denied_special) << peer;
    EXPECT_FALSE(decision.name.empty()) << peer;
  }
}

TEST(PeerPolicy, PermitsTheRestOfTheInternet) {
  for (const char* peer : {"1.1.1.1", "8.8.8.8", "100.128.0.1", "172.32.0.1", "192.0.1.1",
                           "198.20.0.1", "223.255.255.255", "2606:4700::1111", "2a00:1450::1"}) {
    EXPECT_EQ(policy().decide(ip(peer)).rule, PeerRule::permitted) << peer;
  }
}

TEST(PeerPolicy, PermitsWhatTheRegistryCallsGloballyReachable) {
  for (const char* peer :
       {"192.0.0.9", "192.0.0.10", "192.31.196.1", "192.52.193.1", "192.175.48.1", "2001:1::1",
        "2001:1::2", "2001:1::3", "2001:3::1", "2001:4:112::1", "2001:20::1", "2620:4f:8000::1"}) {
    EXPECT_EQ(policy().decide(ip(peer)).rule, PeerRule::permitted) << peer;
  }
}

// CVE-2020-26262, and CVE-2026-27624 and CVE-2026-53450 for the disguises.
TEST(PeerPolicy, UnspecifiedIsNeverAPeerWhateverIsAllowed) {
  const PeerPolicy open = policy({"0.0.0.0/0", "::/0"});
  for (const char* peer :
       {"0.0.0.0", "::", "::ffff:0.0.0.0", "64:ff9b::0.0.0.0", "2002::", "2002::1"}) {
    EXPECT_EQ(open.decide(ip(peer)).rule, PeerRule::never) << peer;
  }
}

TEST(PeerPolicy, LoopbackIsDeniedInEveryDisguise) {
  for (const char* peer :
       {"127.0.0.1", "::1", "::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::127.0.0.1",
        "2002:7f00:1::", "2002:7f00:1:5::9", "64:ff9b:1::127.0.0.1", "64:ff9b:1:7f00:0:100::"}) {
    EXPECT_EQ(policy().decide(ip(peer)).rule, PeerRule::denied_special) << peer;
  }
}

TEST(PeerPolicy, ADenyRuleHoldsForEveryDisguise) {
  const PeerPolicy denies = policy({}, {"8.8.8.0/24"});
  for (const char* peer :
       {"8.8.8.8", "::ffff:8.8.8.8", "::8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1"}) {
    const PeerDecision decision = denies.decide(ip(peer));
    EXPECT_EQ(decision.rule, PeerRule::denied) << peer;
    EXPECT_EQ(decision.range.to_string(), "8.8.8.0/24") << peer;
  }
  EXPECT_EQ(denies.decide(ip("8.8.9.8")).rule, PeerRule::permitted);
}

TEST(PeerPolicy, ADisguisedRuleHoldsForThePlainAddress) {
  for (const char* rule :
       {"::ffff:8.8.8.0/120", "::8.8.8.0/120", "64:ff9b::8.8.8.0/120", "2002:808:800::/40"}) {
    EXPECT_EQ(policy({}, {rule}).decide(ip("8.8.8.8")).rule, PeerRule::denied) << rule;
    EXPECT_EQ(policy({}, {rule}).decide(ip("::ffff:8.8.8.8")).rule, PeerRule::denied) << rule;
  }
}

TEST(PeerPolicy, AWideIpv6RuleSaysNothingAboutIpv4) {
  EXPECT_EQ(policy({"::/0"}).decide(ip("10.0.0.1")).rule, PeerRule::denied_special);
  EXPECT_EQ(policy({"::/0"}).decide(ip("::ffff:10.0.0.1")).rule, PeerRule::denied_special);
  EXPECT_EQ(policy({}, {"::/0"}).decide(ip("::ffff:8.8.8.8")).rule, PeerRule::permitted);
  EXPECT_EQ(policy({"::/0"}).decide(ip("fd00::1")).rule, PeerRule::allowed);
}

TEST(PeerPolicy, AllowBeatsDenyWhateverThePrefixLengths) {
  const PeerPolicy narrow_deny = policy({"10.0.0.0/8"}, {"10.1.2.3"});
  EXPECT_EQ(narrow_deny.decide(ip("10.1.2.3")).rule, PeerRule::allowed);
  // As BigBlueButton has it: nobody but the server's own address.
  const PeerPolicy deny_all = policy({"8.8.8.8"}, {"0.0.0.0/0", "::/0"});
  EXPECT_EQ(deny_all.decide(ip("8.8.8.8")).rule, PeerRule::allowed);
  EXPECT_EQ(deny_all.decide(ip("8.8.8.9")).rule, PeerRule::denied);
  EXPECT_EQ(deny_all.decide(ip("2606:4700::1111")).rule, PeerRule::denied);
}

TEST(PeerPolicy, OverlappingRulesAreOne) {
  const PeerPolicy denies =
      policy({}, {"8.0.0.0-8.0.0.9", "8.0.0.0/8", "8.0.0.5-8.0.0.20", "9.0.0.0/8"});
  EXPECT_EQ(denies.decide(ip("8.255.255.255")).range.to_string(), "8.0.0.0/8");
  EXPECT_EQ(denies.decide(ip("8.0.0.15")).rule, PeerRule::denied);
  EXPECT_EQ(denies.decide(ip("9.1.1.1")).rule, PeerRule::denied);
  EXPECT_EQ(denies.decide(ip("11.1.1.1")).rule, PeerRule::permitted);
}

// Which bits of 64:ff9b:1::/48 hold the IPv4 address is each network's secret: 203.0.113.1 may
// stand where 10.0.0.1 seems to.
TEST(PeerPolicy, TheLocalTranslationPrefixIsOpenedOnlyByItsOwnRules) {
  EXPECT_EQ(policy({"8.8.8.8"}).decide(ip("64:ff9b:1::8.8.8.8")).rule, PeerRule::denied_special);
  EXPECT_EQ(policy({"64:ff9b:1:808:8:808::"}).decide(ip("8.8.8.8")).rule, PeerRule::permitted);
  EXPECT_EQ(policy({"::/0"}).decide(ip("64:ff9b:1::8.8.8.8")).rule, PeerRule::denied_special);
  EXPECT_EQ(policy({"::/0"}).decide(ip("64:ff9b:0:ffff:ffff:ffff:ffff:ffff")).rule,
            PeerRule::allowed);
  EXPECT_EQ(policy({"::/0"}).decide(ip("64:ff9b:2::")).rule, PeerRule::allowed);
  const PeerPolicy opened = policy({"64:ff9b:1:abcd::/96"});
  EXPECT_EQ(opened.decide(ip("64:ff9b:1:abcd::10.0.0.1")).rule, PeerRule::allowed);
  EXPECT_EQ(opened.decide(ip("64:ff9b:1:abce::10.0.0.1")).rule, PeerRule::denied_special);
  EXPECT_EQ(opened.decide(ip("10.0.0.1")).rule, PeerRule::denied_special);
}

TEST(PeerPolicy, WithoutDefaultDenyOnlyRulesAndNeverRemain) {
  const PeerPolicy imported{{.deny = ranges({"192.168.0.0/16"}), .default_deny = false}};
  EXPECT_EQ(imported.decide(ip("10.0.0.1")).rule, PeerRule::permitted);
  EXPECT_EQ(imported.decide(ip("192.168.0.1")).rule, PeerRule::denied);
  EXPECT_EQ(imported.decide(ip("0.0.0.0")).rule, PeerRule::never);
}

TEST(PeerPolicy, AnOwnServiceIsNeverAPeerButItsAddressMayBe) {
  const PeerPolicy server{
      {.allow = ranges({"0.0.0.0/0"}), .own_services = {transport("192.0.2.1:3478")}}};
  EXPECT_EQ(server.decide(transport("192.0.2.1:3478")).rule, PeerRule::never);
  EXPECT_EQ(server.decide(transport("[::ffff:192.0.2.1]:3478")).rule, PeerRule::never);
  EXPECT_EQ(server.decide(transport("[64:ff9b::192.0.2.1]:3478")).rule, PeerRule::never);
  EXPECT_EQ(server.decide(transport("192.0.2.1:3479")).rule, PeerRule::allowed);
  EXPECT_EQ(server.decide(ip("192.0.2.1")).rule, PeerRule::allowed);
  EXPECT_TRUE(server.is_own_service(transport("192.0.2.1:3478")));
  EXPECT_FALSE(server.is_own_service(transport("192.0.2.2:3478")));
}

TEST(PeerPolicy, AWildcardCountsForEveryLocalAddressAndAllOfLoopback) {
  const PeerPolicy server{{.allow = ranges({"0.0.0.0/0", "::/0"}),
                           .own_services = {transport("0.0.0.0:9641"), transport("[::]:3478")},
                           .local_addresses = {ip("192.0.2.1"), ip("2001:db8::1")}}};
  for (const char* peer :
       {"192.0.2.1:9641", "[2001:db8::1]:9641", "127.0.0.1:9641", "127.9.9.9:9641", "[::1]:9641",
        "[::ffff:127.0.0.1]:3478", "[2001:db8::1]:3478", "0.0.0.0:3478"}) {
    EXPECT_TRUE(server.is_own_service(transport(peer))) << peer;
    EXPECT_EQ(server.decide(transport(peer)).rule, PeerRule::never) << peer;
  }
  EXPECT_EQ(server.decide(transport("192.0.2.2:9641")).rule, PeerRule::allowed);
  EXPECT_EQ(server.decide(transport("192.0.2.1:9642")).rule, PeerRule::allowed);
}

TEST(PeerPolicy, AnOwnServiceOnALinkLocalAddressIsOneOnEveryInterface) {
  const PeerPolicy server{
      {.allow = ranges({"fe80::/10"}), .own_services = {transport("[fe80::1%2]:3478")}}};
  EXPECT_TRUE(server.is_own_service(transport("[fe80::1%3]:3478")));
}

TEST(PeerPolicy, ARealmsOwnRulesGoBeforeEverybodys) {
  const PeerPolicy of_realm{{.allow = ranges({"10.0.0.0/8"}),
                             .deny = ranges({"8.8.8.0/24"}),
                             .realm_allow = ranges({"8.8.8.8", "10.1.2.3"}),
                             .realm_deny = ranges({"10.1.0.0/16", "1.1.1.1"})}};
  EXPECT_EQ(of_realm.decide(ip("10.2.0.1")).rule, PeerRule::allowed);
  EXPECT_EQ(of_realm.decide(ip("10.1.0.1")).rule, PeerRule::denied_by_realm);
  EXPECT_EQ(of_realm.decide(ip("::ffff:10.1.0.1")).rule, PeerRule::denied_by_realm);
  EXPECT_EQ(of_realm.decide(ip("10.1.2.3")).rule, PeerRule::allowed) << "its own allow goes first";
  EXPECT_EQ(of_realm.decide(ip("1.1.1.1")).rule, PeerRule::denied_by_realm);
  EXPECT_EQ(of_realm.decide(ip("8.8.8.8")).rule, PeerRule::allowed);
  EXPECT_EQ(of_realm.decide(ip("8.8.8.1")).rule, PeerRule::denied);
  EXPECT_EQ(option_that_would_allow(of_realm.decide(ip("10.1.0.1"))),
            "the realm's own peers.allow: [10.1.0.0/16]");
}

TEST(PeerPolicy, NamesTheOptionThatWouldAllowThePeer) {
  EXPECT_EQ(option_that_would_allow(policy().decide(ip("10.1.2.3"))), "peers.allow: [10.0.0.0/8]");
  EXPECT_EQ(option_that_would_allow(policy().decide(ip("::ffff:10.1.2.3"))),
            "peers.allow: [10.0.0.0/8]");
  EXPECT_EQ(option_that_would_allow(policy({}, {"8.8.8.1-8.8.8.3"}).decide(ip("8.8.8.2"))),
            "peers.allow: [8.8.8.1-8.8.8.3]");
  EXPECT_EQ(option_that_would_allow(policy().decide(ip("0.0.0.0"))), "");
  EXPECT_EQ(option_that_would_allow(policy().decide(ip("8.8.8.8"))), "");
}

TEST(PeerPolicy, TheNamedOptionDoesAllowThePeer) {
  for (const char* peer : {"10.1.2.3", "::ffff:192.168.0.1", "fd00::1", "64:ff9b:1::1", "ff02::1",
                           "2002:a00:1::1", "::169.254.169.254"}) {
    const std::string option = option_that_would_allow(policy().decide(ip(peer)));
    const std::string_view range =
        std::string_view{option}.substr(14, option.size() - 15);  // behind "peers.allow: ["
    EXPECT_EQ(policy({range}).decide(ip(peer)).rule, PeerRule::allowed) << peer << " " << option;
  }
}

}  // namespace
}  // namespace uturn
