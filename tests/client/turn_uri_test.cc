// TurnUri: what RFC 7064 and RFC 7065 allow, and what people type instead.
#include "client/turn_uri.h"

#include <gtest/gtest.h>

namespace uturn {
namespace {

TurnUri parsed(std::string_view text) {
  const auto uri = TurnUri::parse(text);
  EXPECT_TRUE(uri) << text << ": " << (uri ? "" : text_of(uri.error()));
  return uri ? *uri : TurnUri{};
}

UriError refused(std::string_view text) {
  const auto uri = TurnUri::parse(text);
  EXPECT_FALSE(uri) << text;
  return uri ? UriError{255} : uri.error();
}

TEST(TurnUri, DefaultsFollowTheScheme) {
  struct {
    std::string_view text;
    bool turn;
    bool secure;
    uint16_t port;
    Transport transport;
  } const cases[] = {
      {"stun:example.org", false, false, 3478, Transport::udp},
      {"stuns:example.org", false, true, 5349, Transport::tls},
      {"turn:example.org", true, false, 3478, Transport::udp},
      {"turns:example.org", true, true, 5349, Transport::tls},
      {"turn:example.org?transport=udp", true, false, 3478, Transport::udp},
      {"turn:example.org?transport=tcp", true, false, 3478, Transport::tcp},
      {"turns:example.org?transport=tcp", true, true, 5349, Transport::tls},
      {"turns:example.org?transport=udp", true, true, 5349, Transport::dtls},
      {"TURN:example.org:8000?TRANSPORT=TCP", true, false, 8000, Transport::tcp},
  };
  for (const auto& expected : cases) {
    const TurnUri uri = parsed(expected.text);
    EXPECT_EQ(uri.host, "example.org") << expected.text;
    EXPECT_EQ(uri.is_turn, expected.turn) << expected.text;
    EXPECT_EQ(uri.is_secure, expected.secure) << expected.text;
    EXPECT_EQ(uri.port, expected.port) << expected.text;
    EXPECT_EQ(uri.transport, expected.transport) << expected.text;
  }
}

TEST(TurnUri, HostsAreNamesAndAddresses) {
  EXPECT_FALSE(parsed("turn:turn.example.org:3479").address());
  EXPECT_EQ(parsed("turn:192.0.2.7:3479").address(), IpAddress::parse("192.0.2.7"));
  const TurnUri bracketed = parsed("turn:[2001:db8::7]:3479?transport=udp");
  EXPECT_EQ(bracketed.address(), IpAddress::parse("2001:db8::7"));
  EXPECT_EQ(bracketed.port, 3479);
  EXPECT_EQ(parsed("stun:[::1]").port, 3478);
}

TEST(TurnUri, WhatIsNoUriIsRefusedWithTheReason) {
  EXPECT_EQ(refused(""), UriError::unknown_scheme);
  EXPECT_EQ(refused("example.org"), UriError::unknown_scheme);
  EXPECT_EQ(refused("http:example.org"), UriError::unknown_scheme);
  EXPECT_EQ(refused("turn://example.org"), UriError::hierarchical);
  EXPECT_EQ(refused("turn:"), UriError::malformed_host);
  EXPECT_EQ(refused("turn::3478"), UriError::malformed_host);
  EXPECT_EQ(refused("turn:user@example.org"), UriError::malformed_host);
  EXPECT_EQ(refused("turn:exa mple.org"), UriError::malformed_host);
  EXPECT_EQ(refused("turn:[2001:db8::7"), UriError::malformed_host);
  EXPECT_EQ(refused("turn:[192.0.2.7]"), UriError::malformed_host);
  EXPECT_EQ(refused("turn:[::1]3478"), UriError::malformed_host);
  EXPECT_EQ(refused("turn:" + std::string(254, 'a')), UriError::malformed_host);
  for (const char* port : {"", "0", "65536", "-1", "+1", "34x", "3478 ", "3478:1", "3478/"}) {
    EXPECT_EQ(refused("turn:example.org:" + std::string{port}), UriError::malformed_port) << port;
  }
  EXPECT_EQ(refused("turn:example.org?"), UriError::malformed_query);
  EXPECT_EQ(refused("turn:example.org?ttl=1"), UriError::malformed_query);
  EXPECT_EQ(refused("stun:example.org?transport=udp"), UriError::malformed_query);
  EXPECT_EQ(refused("turn:example.org?transport="), UriError::unknown_transport);
  EXPECT_EQ(refused("turn:example.org?transport=sctp"), UriError::unknown_transport);
  EXPECT_EQ(refused("turn:example.org?transport=udp&x=1"), UriError::unknown_transport);
}

TEST(TurnUri, StunsWithAnAddressIsRefused) {
  EXPECT_EQ(refused("stuns:192.0.2.7"), UriError::secure_with_address);
  EXPECT_EQ(refused("stuns:[2001:db8::7]:5349"), UriError::secure_with_address);
  EXPECT_TRUE(TurnUri::parse("turns:192.0.2.7"));
}

TEST(TurnUri, TextAndValueAreTheSameThing) {
  for (const std::string text : {"stun:example.org:3478", "turns:[2001:db8::7]:443?transport=tcp",
                                 "turn:192.0.2.7:3478?transport=udp", "stuns:example.org:5349"}) {
    EXPECT_EQ(parsed(text).to_string(), text);
  }
}

}  // namespace
}  // namespace uturn
