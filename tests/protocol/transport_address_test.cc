// Addresses: text, kinds, disguises, hashing.
#include "protocol/transport_address.h"

#include <gtest/gtest.h>

#include <set>

namespace uturn {
namespace {

IpAddress ip(std::string_view text) {
  const auto address = IpAddress::parse(text);
  EXPECT_TRUE(address) << text;
  return address.value_or(IpAddress{});
}

TransportAddress at(std::string_view text) {
  const auto address = TransportAddress::parse(text);
  EXPECT_TRUE(address) << text;
  return address.value_or(TransportAddress{});
}

TEST(IpAddress, IsWrittenAsRfc5952Asks) {
  EXPECT_EQ(ip("192.0.2.1").to_string(), "192.0.2.1");
  EXPECT_EQ(ip("2001:DB8:0:0:1:0:0:1").to_string(), "2001:db8::1:0:0:1");
  EXPECT_EQ(ip("::").to_string(), "::");
  EXPECT_EQ(ip("0:0:0:0:0:0:0:1").to_string(), "::1");
}

TEST(IpAddress, RefusesWhatIsNoAddress) {
  for (const std::string_view text :
       {"", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.4 ", " 1.2.3.4", "0x7f.1",
        "2130706433", "[::1]", "::1%1", "::g", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
        "::1:80:", "192.0.2.1:80", "example.org", "::ffff:1.2.3.4.5"})
    EXPECT_FALSE(IpAddress::parse(text)) << text;
  EXPECT_FALSE(IpAddress::parse(std::string_view("1.2.3.4\0", 8)));
  EXPECT_FALSE(IpAddress::parse(std::string(1000, '1')));
}

TEST(IpAddress, KeepsFamiliesApart) {
  EXPECT_EQ(ip("192.0.2.1").bytes().size(), 4u);
  EXPECT_EQ(ip("2001:db8::1").bytes().size(), 16u);
  EXPECT_NE(ip("192.0.2.1"), ip("::ffff:192.0.2.1"));
  EXPECT_NE(ip("0.0.0.0"), ip("::"));
  EXPECT_EQ(IpAddress::any(AddressFamily::ipv4), ip("0.0.0.0"));
  EXPECT_EQ(IpAddress::any(AddressFamily::ipv6), ip("::"));
}

TEST(IpAddress, KnowsItsKind) {
  EXPECT_TRUE(ip("0.0.0.0").is_unspecified() && ip("::").is_unspecified());
  EXPECT_FALSE(ip("0.0.0.1").is_unspecified() || ip("::1").is_unspecified());
  EXPECT_TRUE(ip("127.0.0.1").is_loopback() && ip("127.255.255.255").is_loopback());
  EXPECT_TRUE(ip("::1").is_loopback());
  EXPECT_FALSE(ip("128.0.0.1").is_loopback() || ip("::2").is_loopback() ||
               ip("1::1").is_loopback() || ip("::ffff:127.0.0.1").is_loopback());
  EXPECT_TRUE(ip("169.254.1.1").is_link_local() && ip("fe80::1").is_link_local() &&
              ip("febf::1").is_link_local());
  EXPECT_FALSE(ip("169.253.1.1").is_link_local() || ip("fec0::1").is_link_local());
  EXPECT_TRUE(ip("224.0.0.1").is_multicast() && ip("239.1.1.1").is_multicast() &&
              ip("ff02::1").is_multicast());
  EXPECT_FALSE(ip("223.0.0.1").is_multicast() || ip("240.0.0.1").is_multicast() ||
               ip("fe02::1").is_multicast());
}

TEST(IpAddress, LosesEveryDisguiseOfIpv4) {
  const IpAddress plain = ip("192.0.2.33");
  EXPECT_EQ(ip("192.0.2.33").canonical(), plain);
  EXPECT_EQ(ip("::ffff:192.0.2.33").canonical(), plain);
  EXPECT_EQ(ip("::192.0.2.33").canonical(), plain);
  EXPECT_EQ(ip("2002:c000:221::").canonical(), plain);
  EXPECT_EQ(ip("2002:c000:221:ffff:1:2:3:4").canonical(), plain);
  EXPECT_EQ(ip("64:ff9b::192.0.2.33").canonical(), plain);
  // RFC 6052, Section 2.2: behind a prefix of 48 bits, octet 8 is left out.
  EXPECT_EQ(ip("64:ff9b:1:c000:2:2100::").canonical(), plain);
}

// CVE-2026-27624 and CVE-2026-53450: loopback and private peers behind a mapped address.
TEST(IpAddress, LoopbackIsLoopbackInEveryDisguise) {
  for (const std::string_view text : {"::ffff:127.0.0.1", "::127.0.0.1",
                                      "2002:7f00:1::", "64:ff9b::7f00:1", "64:ff9b:1:7f00:0:100::"})
    EXPECT_TRUE(ip(text).canonical().is_loopback()) << text;
  EXPECT_TRUE(ip("::ffff:0.0.0.0").canonical().is_unspecified());
}

TEST(IpAddress, IsItselfWhereNothingIsDisguised) {
  for (const std::string_view text :
       {"::", "::1", "2001:db8::192.0.2.33", "2003:c000:221::", "64:ff9b:0:1::1", "64:ff9c::1",
        "::fffe:192.0.2.33", "::ffff:0:192.0.2.33", "fe80::1", "ff02::1"})
    EXPECT_EQ(ip(text).canonical(), ip(text)) << text;
  EXPECT_EQ(ip("::2").canonical(), ip("0.0.0.2"));  // v4-compatible, unlike :: and ::1
}

TEST(IpAddress, OneDisguiseInsideAnotherIsOneAddress) {
  // 6to4 for 192.0.2.33 whose interface part looks mapped: the packet goes to 192.0.2.33.
  EXPECT_EQ(ip("2002:c000:221::ffff:7f00:1").canonical(), ip("192.0.2.33"));
  EXPECT_EQ(ip("::ffff:32.2.127.0").canonical().canonical(), ip("32.2.127.0"));
}

TEST(TransportAddress, ReadsWhatItWrites) {
  for (const std::string_view text : {"192.0.2.1:3478", "0.0.0.0:0", "[::]:65535",
                                      "[2001:db8::1]:1", "[fe80::1%2]:5000", "[::ffff:1.2.3.4]:9"})
    EXPECT_EQ(at(text).to_string(), text);
  EXPECT_EQ(at("[fe80::1%2]:5").scope_id, 2u);
  EXPECT_EQ(at("192.0.2.1:3478").port, 3478);
}

TEST(TransportAddress, RefusesWhatIsNone) {
  for (const std::string_view text : {"",
                                      ":",
                                      "1.2.3.4",
                                      "1.2.3.4:",
                                      "1.2.3.4:65536",
                                      "1.2.3.4:-1",
                                      "1.2.3.4:+1",
                                      "1.2.3.4: 1",
                                      "1.2.3.4:1x",
                                      "::1:5",
                                      "[::1]",
                                      "[::1]5",
                                      "[::1:5",
                                      "::1]:5",
                                      "[1.2.3.4]:5",
                                      "[]:5",
                                      "[fe80::1%]:5",
                                      "[fe80::1%eth0]:5",
                                      "[fe80::1%4294967296]:5",
                                      "1.2.3.4%1:5",
                                      "[[::1]]:5"})
    EXPECT_FALSE(TransportAddress::parse(text)) << text;
}

TEST(Hash, EveryPartOfAFiveTupleCounts) {
  const FiveTuple base{client_address(at("192.0.2.1:1000")), server_address(at("192.0.2.9:3478")),
                       Transport::udp};
  std::vector<FiveTuple> others(8, base);
  others[0].client.port = 1001;
  others[1].client.ip = ip("192.0.2.2");
  others[2].server.port = 3479;
  others[3].server.ip = ip("192.0.2.10");
  others[4].transport = Transport::tcp;
  others[5].client.ip = ip("c000:201::");  // the same leading bytes, another family
  others[6].client.scope_id = 1;
  others[7] = {client_address(base.server), server_address(base.client), Transport::udp};
  std::set<uint64_t> hashes{hash_of(base, 7)};
  for (const FiveTuple& other : others) hashes.insert(hash_of(other, 7));
  EXPECT_EQ(hashes.size(), 9u);
}

TEST(Hash, TheSeedChangesEverything) {
  const auto address = at("192.0.2.1:1000");
  EXPECT_EQ(hash_of(address, 1), hash_of(address, 1));
  EXPECT_NE(hash_of(address, 1), hash_of(address, 2));
  EXPECT_NE(hash_of(address.ip, 1), hash_of(address.ip, 2));
}

// The ports of one address, and the addresses of one /16, over 4,096 buckets: a random function
// leaves none with more than 50 of 65,536 (mean 16).
TEST(Hash, ConsecutiveKeysSpreadOverTheLowAndTheHighBits) {
  for (const bool ports : {true, false}) {
    std::vector<int> low(4096), high(4096);
    for (uint32_t i = 0; i < 65536; ++i) {
      TransportAddress address{IpAddress::v4(std::array<uint8_t, 4>{192, 0, 2, 1}), 5000};
      if (ports)
        address.port = static_cast<uint16_t>(i);
      else
        address.ip = IpAddress::v4(
            std::array<uint8_t, 4>{10, 0, static_cast<uint8_t>(i >> 8), static_cast<uint8_t>(i)});
      const uint64_t hash = hash_of(address, 0x5EED);
      ++low[hash % 4096];
      ++high[hash >> 52];
    }
    EXPECT_LT(*std::ranges::max_element(low), 50);
    EXPECT_LT(*std::ranges::max_element(high), 50);
  }
}

// One flipped bit of the key flips about half of the hash.
TEST(Hash, Avalanches) {
  std::array<uint8_t, 16> bytes{0x20, 0x01, 0x0D, 0xB8};
  const uint64_t base = hash_of(IpAddress::v6(bytes), 99);
  for (size_t bit = 0; bit < 128; ++bit) {
    auto flipped = bytes;
    flipped[bit / 8] ^= static_cast<uint8_t>(1u << bit % 8);
    const int changed = std::popcount(base ^ hash_of(IpAddress::v6(flipped), 99));
    EXPECT_GT(changed, 10) << bit;
    EXPECT_LT(changed, 54) << bit;
  }
}

}  // namespace
}  // namespace uturn
