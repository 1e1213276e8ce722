// The PROXY protocol's header: lines and binary headers byte for byte, and what is refused.
#include "protocol/proxy_header.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/protocol/hex.h"

namespace uturn {
namespace {

constexpr std::string_view kSignature = "0d0a0d0a000d0a515549540a ";
// As an AWS Network Load Balancer sends it: CRC32c, the endpoint's name, padding.
const std::string kOfAwsNlb = std::string(kSignature) +
                              "21 11 0054 ac1f0771 ac1f0a1f c8f2 0050 03 0004 e8d6892d"
                              "ea 0017 01 767063652d3038643262663135666163353030316339 04 0024" +
                              std::string(72, '0');

std::string announced(const Result<ProxyHeader, ProxyHeaderError>& header) {
  if (!header) return "error " + std::to_string(static_cast<int>(header.error()));
  if (!header->announced) return "the connection's own";
  return header->announced->source.to_string() + " to " +
         header->announced->destination.to_string();
}
auto line(std::string_view text) { return read_stream_proxy_header(bytes_of(text)); }
std::vector<uint8_t> binary(std::string_view hex) {
  return from_hex(std::string(kSignature) += hex);
}
auto on_stream(std::string_view hex) { return read_stream_proxy_header(binary(hex)); }
auto in_datagram(std::string_view hex) { return read_datagram_proxy_header(binary(hex)); }

TEST(ProxyLine, AnnouncesIPv4) {
  const auto header = line("PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\nGET / HTTP/1.1\r\n");
  EXPECT_EQ(announced(header), "192.168.0.1:56324 to 192.168.0.11:443");
  EXPECT_EQ(header->consumed, 47u);
}

TEST(ProxyLine, AnnouncesIPv6) {
  EXPECT_EQ(announced(line("PROXY TCP6 2001:db8::1 2001:DB8:0:0:0:0:0:2 0 65535\r\n")),
            "[2001:db8::1]:0 to [2001:db8::2]:65535");
}

TEST(ProxyLine, OfTheLongestAddressesIsRead) {
  const std::string all = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
  const std::string longest = "PROXY TCP6 " + all + " " + all + " 65535 65535\r\n";
  EXPECT_EQ(longest.size(), 104u);
  EXPECT_EQ(announced(line(longest)), "[" + all + "]:65535 to [" + all + "]:65535");
  const std::string unknown = "PROXY UNKNOWN " + longest.substr(11);
  EXPECT_EQ(unknown.size(), kMaxProxyLineSize);
  EXPECT_EQ(line(unknown)->consumed, kMaxProxyLineSize);
}

TEST(ProxyLine, UnknownMeansTheConnectionsOwnAddresses) {
  for (const std::string_view text :
       {"PROXY UNKNOWN\r\n", "PROXY UNKNOWN \r\n", "PROXY UNKNOWN what \n ever\r\n"}) {
    const auto header = line(text);
    EXPECT_EQ(announced(header), "the connection's own") << text;
    EXPECT_EQ(header->consumed, text.size());
  }
}

TEST(ProxyLine, EndsWithinItsLongestOrNever) {
  const std::string endless = "PROXY UNKNOWN" + std::string(200, ' ');
  const auto first = [&](size_t size) { return line(std::string_view(endless).substr(0, size)); };
  EXPECT_EQ(first(kMaxProxyLineSize - 1).error(), ProxyHeaderError::incomplete);
  EXPECT_EQ(first(kMaxProxyLineSize).error(), ProxyHeaderError::too_long);
  // The CR is the last that may be looked at, the LF comes too late.
  EXPECT_EQ(line(endless.substr(0, kMaxProxyLineSize - 1) + "\r\n").error(),
            ProxyHeaderError::too_long);
}

TEST(ProxyLine, IsTakenToTheLetter) {
  for (const std::string_view text : {
           "PROXY  TCP4 1.2.3.4 5.6.7.8 1 2\r\n",     // two spaces
           "PROXY TCP4 1.2.3.4  5.6.7.8 1 2\r\n",     //
           "PROXY TCP4 1.2.3.4 5.6.7.8 1 2 \r\n",     //
           "PROXY TCP4\t1.2.3.4 5.6.7.8 1 2\r\n",     //
           "PROXY tcp4 1.2.3.4 5.6.7.8 1 2\r\n",      // another protocol
           "PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n",      //
           "PROXY UNKNOWNS\r\n",                      //
           "PROXY \r\n",                              //
           "PROXY TCP4 01.2.3.4 5.6.7.8 1 2\r\n",     // leading zeros
           "PROXY TCP4 1.2.3.4 5.6.7.8 01 2\r\n",     //
           "PROXY TCP4 1.2.3.4 5.6.7.8 1 00\r\n",     //
           "PROXY TCP4 1.2.3 5.6.7.8 1 2\r\n",        // no addresses
           "PROXY TCP4 1.2.3.256 5.6.7.8 1 2\r\n",    //
           "PROXY TCP6 ::1::2 ::2 1 2\r\n",           //
           "PROXY TCP6 fe80::1%1 fe80::2 1 2\r\n",    //
           "PROXY TCP6 [::1] [::2] 1 2\r\n",          //
           "PROXY TCP4 ::1 ::2 1 2\r\n",              // of the other family
           "PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n",      //
           "PROXY TCP4 1.2.3.4 ::2 1 2\r\n",          //
           "PROXY TCP4 1.2.3.4 5.6.7.8 1 65536\r\n",  // no ports
           "PROXY TCP4 1.2.3.4 5.6.7.8 -1 2\r\n",     //
           "PROXY TCP4 1.2.3.4 5.6.7.8 +1 2\r\n",     //
           "PROXY TCP4 1.2.3.4 5.6.7.8 0x1 2\r\n",    //
           "PROXY TCP4 1.2.3.4 5.6.7.8 1 \r\n",       //
           "PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n",        // one too few
           "PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n",    // one too many
           "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n\r\n",    // a LF without its CR before the end
           "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\r\n",
       })
    EXPECT_EQ(line(text).error(), ProxyHeaderError::malformed_line) << text;
}

TEST(ProxyLine, IsNotEndedByHalfACrlf) {
  EXPECT_EQ(line("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n").error(), ProxyHeaderError::incomplete);
  EXPECT_EQ(line("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r").error(), ProxyHeaderError::incomplete);
}

TEST(ProxyHeader, IsMissedAtTheFirstByteThatDiffers) {
  EXPECT_EQ(line("").error(), ProxyHeaderError::incomplete);
  EXPECT_EQ(line("PROX").error(), ProxyHeaderError::incomplete);
  for (const std::string_view text : {"G", "PROXZ", "PROXY\t", "proxy ", "\r\n\r\n\1", "\r\n\n"})
    EXPECT_EQ(line(text).error(), ProxyHeaderError::no_signature) << text;
}

TEST(ProxyBinary, AnnouncesTcpOverIPv4) {
  const auto header = on_stream("21 11 000c c0000201 c6336407 d431 01bb 0001 0000");
  EXPECT_EQ(announced(header), "192.0.2.1:54321 to 198.51.100.7:443");
  EXPECT_EQ(header->consumed, 28u);
}

TEST(ProxyBinary, AnnouncesTcpOverIPv6) {
  const auto header = on_stream(
      "21 21 0024 20010db8000000000000000000000001 20010db8000000000000000000000002 d431 01bb");
  EXPECT_EQ(announced(header), "[2001:db8::1]:54321 to [2001:db8::2]:443");
  EXPECT_EQ(header->consumed, 52u);
}

TEST(ProxyBinary, AnnouncesADatagramAndLeavesItsPayload) {
  const auto header = in_datagram("21 12 000c c0000201 c6336407 d431 0d96 4000 0000");
  EXPECT_EQ(announced(header), "192.0.2.1:54321 to 198.51.100.7:3478");
  EXPECT_EQ(header->consumed, 28u);
  EXPECT_EQ(announced(in_datagram("21 22 0024 20010db8000000000000000000000001"
                                  "20010db8000000000000000000000002 d431 0d96")),
            "[2001:db8::1]:54321 to [2001:db8::2]:3478");
}

TEST(ProxyBinary, LocalMeansTheConnectionsOwnAddressesWhateverItsBlockSays) {
  for (const std::string_view hex :
       {"20 00 0000", "20 11 000c c0000201 c6336407 d431 01bb", "20 31 0001 ff", "20 ff 0000"}) {
    const auto header = on_stream(hex);
    EXPECT_EQ(announced(header), "the connection's own") << hex;
    EXPECT_EQ(header->consumed, binary(hex).size());
    EXPECT_EQ(announced(in_datagram(hex)), "the connection's own") << hex;
  }
}

TEST(ProxyBinary, UnspecifiedMeansTheConnectionsOwnAddresses) {
  for (const std::string_view hex :
       {"21 00 0000", "21 00 0003 aabbcc", "21 01 0000", "21 10 000c c0000201 c6336407 d431 01bb"})
    EXPECT_EQ(announced(on_stream(hex)), "the connection's own") << hex;
}

TEST(ProxyBinary, IsThereWhenAllOfItIs) {
  const auto whole = from_hex(kOfAwsNlb);
  for (size_t arrived = 0; arrived < whole.size(); ++arrived) {
    const Bytes part = Bytes{whole}.first(arrived);
    EXPECT_EQ(read_stream_proxy_header(part).error(), ProxyHeaderError::incomplete) << arrived;
  }
  EXPECT_TRUE(read_stream_proxy_header(whole));
}

TEST(ProxyBinary, ADatagramThatEndsInItsHeaderIsNotWaitedFor) {
  const auto whole = binary("21 12 000c c0000201 c6336407 d431 0d96");
  for (size_t arrived = 0; arrived < whole.size(); ++arrived) {
    const auto header = read_datagram_proxy_header(Bytes{whole}.first(arrived));
    EXPECT_EQ(header.error(),
              arrived < 16 ? ProxyHeaderError::no_signature : ProxyHeaderError::too_short);
  }
}

TEST(ProxyBinary, ADatagramHasNoLine) {
  EXPECT_EQ(read_datagram_proxy_header(bytes_of("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n")).error(),
            ProxyHeaderError::no_signature);
}

TEST(ProxyBinary, WhatHasNoMeaningIsRefused) {
  const auto error = [](std::string_view hex) { return on_stream(hex).error(); };
  EXPECT_EQ(error("11 11 000c c0000201 c6336407 d431 01bb"), ProxyHeaderError::unknown_version);
  EXPECT_EQ(error("31 11 000c c0000201 c6336407 d431 01bb"), ProxyHeaderError::unknown_version);
  EXPECT_EQ(error("22 11 000c c0000201 c6336407 d431 01bb"), ProxyHeaderError::unknown_command);
  EXPECT_EQ(error("2f 11 000c c0000201 c6336407 d431 01bb"), ProxyHeaderError::unknown_command);
  EXPECT_EQ(error("21 41 000c c0000201 c6336407 d431 01bb"), ProxyHeaderError::unknown_family);
  EXPECT_EQ(error("21 13 000c c0000201 c6336407 d431 01bb"), ProxyHeaderError::unknown_family);
  EXPECT_EQ(error("21 31 00d8" + std::string(432, 'a')), ProxyHeaderError::unix_socket);
}

TEST(ProxyBinary, AStreamIsNotAnnouncedAsADatagramNorTheOtherWayRound) {
  EXPECT_EQ(on_stream("21 12 000c c0000201 c6336407 d431 01bb").error(),
            ProxyHeaderError::wrong_transport);
  EXPECT_EQ(in_datagram("21 11 000c c0000201 c6336407 d431 01bb").error(),
            ProxyHeaderError::wrong_transport);
}

TEST(ProxyBinary, AddressesThatDoNotFitAreRefused) {
  EXPECT_EQ(on_stream("21 11 000b c0000201 c6336407 d431 01bb").error(),
            ProxyHeaderError::too_short);
  EXPECT_EQ(on_stream("21 21 000c c0000201 c6336407 d431 01bb").error(),
            ProxyHeaderError::too_short);
}

TEST(ProxyBinary, AnAnnouncedLengthIsNotWaitedForWhenItIsTooLong) {
  EXPECT_EQ(on_stream("21 11 0ff0").error(), ProxyHeaderError::incomplete);
  EXPECT_EQ(on_stream("21 11 0ff1").error(), ProxyHeaderError::too_long);
  EXPECT_EQ(in_datagram("20 00 ffff").error(), ProxyHeaderError::too_long);
}

TEST(ProxyExtensions, AreSkipped) {
  const auto header = on_stream(
      "21 11 001e c0000201 c6336407 d431 01bb 02 0003 616263 05 0000 f8 0006 000000000000 ff");
  EXPECT_EQ(announced(header), "192.0.2.1:54321 to 198.51.100.7:443");
  EXPECT_EQ(header->consumed, 46u);
}

TEST(ProxyExtensions, ThatDoNotFitAreRefused) {
  const std::string addresses = " c0000201 c6336407 d431 01bb ";
  for (const std::string& hex :
       {"21 11 000d" + addresses + "02", "21 11 000e" + addresses + "0200",
        "21 11 000f" + addresses + "020001", "21 11 0011" + addresses + "020003 6162",
        "21 11 0012" + addresses + "030003 616263"})
    EXPECT_EQ(on_stream(hex).error(), ProxyHeaderError::malformed_extension) << hex;
}

TEST(ProxyExtensions, TheChecksumOfALoadBalancerIsRight) {
  const auto header = read_stream_proxy_header(from_hex(kOfAwsNlb));
  EXPECT_EQ(announced(header), "172.31.7.113:51442 to 172.31.10.31:80");
  EXPECT_EQ(header->consumed, 100u);
}

TEST(ProxyExtensions, AChecksumCoversEveryByteOfTheHeader) {
  const auto right = from_hex(kOfAwsNlb);
  constexpr size_t kChecksumsType = 28;
  for (size_t at = 16; at < right.size(); ++at) {
    if (at == kChecksumsType) continue;  // without it there is no checksum
    auto changed = right;
    changed[at] ^= 0x10;
    EXPECT_FALSE(read_stream_proxy_header(changed)) << at;
  }
  auto changed = right;
  changed[16] ^= 1;
  EXPECT_EQ(read_stream_proxy_header(changed).error(), ProxyHeaderError::wrong_checksum);
  changed = right;
  changed.push_back(1);  // behind the header, not of it
  EXPECT_TRUE(read_stream_proxy_header(changed));
}

TEST(ProxyExtensions, ASecondChecksumIsRefused) {
  constexpr std::string_view kFirstIsRight =
      "21 11 001a c0000201 c6336407 d431 01bb 03 0004 13697a02 03 0004 00000000";
  EXPECT_EQ(on_stream(kFirstIsRight).error(), ProxyHeaderError::malformed_extension);
}

}  // namespace
}  // namespace uturn
