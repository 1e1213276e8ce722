// First bytes: what a stream and a datagram are told apart by.
#include "server/streams/first_bytes.h"

#include <gtest/gtest.h>

#include "tests/protocol/hex.h"

namespace uturn {
namespace {

StreamKind kind_of_hex(std::string_view hex) { return kind_of_stream(from_hex(hex)); }
StreamKind kind_of_text(std::string_view text) { return kind_of_stream(bytes_of(text)); }

TEST(FirstBytesOfAStream, AStunMessageIsKnownByItsCookie) {
  EXPECT_EQ(kind_of_hex("0003 0008 2112a4"), StreamKind::undecided);
  EXPECT_EQ(kind_of_hex("0003 0008 2112a442"), StreamKind::turn);
  EXPECT_EQ(kind_of_hex("0003 0008 2112a443"), StreamKind::other);
  EXPECT_EQ(kind_of_hex("04"), StreamKind::other);
}

TEST(FirstBytesOfAStream, AChannelNumberIsTurn) {
  EXPECT_EQ(kind_of_hex("40"), StreamKind::turn);
  EXPECT_EQ(kind_of_hex("7f ff"), StreamKind::turn);
  EXPECT_EQ(kind_of_hex("80"), StreamKind::other);
}

TEST(FirstBytesOfAStream, AClientHelloOfAnyVersionIsTls) {
  EXPECT_EQ(kind_of_hex("16"), StreamKind::undecided);
  for (const std::string_view hex : {"16 03 00", "16 03 01", "16 03 03", "16 03 7f"})
    EXPECT_EQ(kind_of_hex(hex), StreamKind::tls) << hex;
  EXPECT_EQ(kind_of_hex("16 fe fd"), StreamKind::other) << "DTLS";
  EXPECT_EQ(kind_of_hex("15 03 01"), StreamKind::other) << "an alert begins nothing";
  EXPECT_EQ(kind_of_hex("80 2e 01 00 02"), StreamKind::other) << "SSL 2.0";
}

TEST(FirstBytesOfAStream, AProxyHeaderOfEitherVersion) {
  EXPECT_EQ(kind_of_text("PROXY"), StreamKind::undecided);
  EXPECT_EQ(kind_of_text("PROXY TCP4 "), StreamKind::proxy);
  EXPECT_EQ(kind_of_hex("0d0a0d0a000d0a51554954"), StreamKind::undecided);
  EXPECT_EQ(kind_of_hex("0d0a0d0a000d0a515549540a"), StreamKind::proxy);
  EXPECT_EQ(kind_of_hex("0d0a0d0a0d"), StreamKind::other);
}

TEST(FirstBytesOfAStream, ARequestOfHttpIsNotAChannel) {
  for (const std::string_view text : {"GET / HTTP/1.1", "HEAD / ", "POST / ", "PUT / ", "DELETE / ",
                                      "CONNECT a:443 ", "OPTIONS * ", "TRACE / ", "PATCH / "})
    EXPECT_EQ(kind_of_text(text), StreamKind::http) << text;
  EXPECT_EQ(kind_of_text("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), StreamKind::http);
  EXPECT_EQ(kind_of_text("GET"), StreamKind::undecided);
  EXPECT_EQ(kind_of_hex("4745 0000"), StreamKind::turn) << "channel 0x4745, empty";
  EXPECT_EQ(kind_of_hex("5052 4f00"), StreamKind::turn);
}

TEST(FirstBytesOfAStream, NothingIsUndecided) { EXPECT_EQ(kind_of_hex(""), StreamKind::undecided); }

// Over what the beginnings are made of, and some bytes besides: what is decided stays, and sixteen
// bytes decide.
TEST(FirstBytesOfAStream, MoreBytesNeverChangeWhatWasDecided) {
  constexpr std::string_view kStarts[] = {"PRI * HTTP/2.0\r\n", "PROXY TCP4 1.2.3.4",
                                          "OPTIONS * HTTP/1", "CONNECT a:443 HT"};
  std::vector<std::vector<uint8_t>> starts;
  for (const std::string_view start : kStarts) starts.emplace_back(start.begin(), start.end());
  starts.push_back(from_hex("0d0a0d0a000d0a515549540a21110000"));
  starts.push_back(from_hex("00010000 2112a442 000000000000 0000"));
  starts.push_back(from_hex("16030100 2112a442 000000000000 0000"));
  for (const auto& start : starts) {
    for (size_t changed_at = 0; changed_at < kFirstBytes; ++changed_at) {
      for (const int change : {0, 1, 0x20, 0x80, 0xFF}) {
        auto stream = start;
        stream[changed_at] ^= static_cast<uint8_t>(change);
        const StreamKind whole = kind_of_stream(Bytes{stream}.first(kFirstBytes));
        EXPECT_NE(whole, StreamKind::undecided) << to_hex(stream);
        for (size_t arrived = 0; arrived < kFirstBytes; ++arrived) {
          const StreamKind early = kind_of_stream(Bytes{stream}.first(arrived));
          EXPECT_TRUE(early == whole || early == StreamKind::undecided) << to_hex(stream);
        }
      }
    }
  }
}

// The figure of RFC 9443, Section 3, line by line.
TEST(FirstByteOfADatagram, IsTheRfcsFigure) {
  const auto expect_all = [](int first, int last, DatagramKind kind) {
    for (int byte = first; byte <= last; ++byte)
      EXPECT_EQ(kind_of_datagram(static_cast<uint8_t>(byte), ChannelRange::rfc8656), kind) << byte;
  };
  expect_all(0, 3, DatagramKind::stun);
  expect_all(4, 15, DatagramKind::unknown);
  expect_all(16, 19, DatagramKind::zrtp);
  expect_all(20, 63, DatagramKind::dtls);
  expect_all(64, 79, DatagramKind::channel_data);
  expect_all(80, 127, DatagramKind::quic);
  expect_all(128, 191, DatagramKind::rtp);
  expect_all(192, 255, DatagramKind::quic);
}

TEST(FirstByteOfADatagram, TheOldRangeOfChannelsReachesTo127) {
  for (int byte = 64; byte <= 127; ++byte)
    EXPECT_EQ(kind_of_datagram(static_cast<uint8_t>(byte), ChannelRange::rfc5766),
              DatagramKind::channel_data);
  EXPECT_EQ(kind_of_datagram(128, ChannelRange::rfc5766), DatagramKind::rtp);
}

}  // namespace
}  // namespace uturn
