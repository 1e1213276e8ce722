// How many connections there may be, of whom, and that each is given back.
#include "server/connection_limits.h"

#include <gtest/gtest.h>

#include <vector>

namespace uturn {
namespace {

IpAddress ip(std::string_view text) { return *IpAddress::parse(text); }

TEST(ConnectionLimits, ConnectionsAreBoundedInAll) {
  ConnectionLimits limits({.connections = 2});
  ConnectionLease first = limits.take_connection();
  const ConnectionLease second = limits.take_connection();
  EXPECT_TRUE(first.is_held() && second.is_held());
  EXPECT_FALSE(limits.take_connection().is_held());
  first = {};
  EXPECT_TRUE(limits.take_connection().is_held());
  EXPECT_EQ(limits.connections(), 1U) << "the second's";
}

TEST(ConnectionLimits, AnIpv6NetworkIsOneSource) {
  ConnectionLimits limits({.connections_per_source = 1});
  ConnectionLease first = limits.take_connection();
  EXPECT_TRUE(first.count_source(ip("2001:db8:1:2::3")));
  ConnectionLease neighbour = limits.take_connection();
  EXPECT_FALSE(neighbour.count_source(ip("2001:db8:1:2::4")));
  ConnectionLease other = limits.take_connection();
  EXPECT_TRUE(other.count_source(ip("2001:db8:1:3::3")));
  first = {};
  EXPECT_TRUE(neighbour.count_source(ip("2001:db8:1:2::4")));
  EXPECT_EQ(limits.sources(), 2U);
}

TEST(ConnectionLimits, ASourceWithoutConnectionsIsForgotten) {
  ConnectionLimits limits({});
  {
    std::vector<ConnectionLease> leases;
    for (int i = 0; i < 100; ++i) {
      leases.push_back(limits.take_connection());
      EXPECT_TRUE(leases.back().count_source(ip("192.0.2." + std::to_string(i % 10))));
    }
    EXPECT_EQ(limits.sources(), 10U);
    EXPECT_EQ(limits.connections(), 100U);
  }
  EXPECT_EQ(limits.sources(), 0U);
  EXPECT_EQ(limits.connections(), 0U);
}

TEST(ConnectionLimits, HandshakesAreBoundedAndGivenBack) {
  ConnectionLimits limits({.handshakes = 1});
  HandshakeLease only = limits.take_handshake();
  EXPECT_TRUE(only.is_held());
  EXPECT_FALSE(limits.take_handshake().is_held());
  const HandshakeLease moved = std::move(only);
  EXPECT_FALSE(limits.take_handshake().is_held());
  EXPECT_EQ(limits.handshakes(), 1U);
}

TEST(ConnectionLimits, ChangeForWhatComesFromThenOn) {
  ConnectionLimits limits({.connections = 1, .connections_per_source = 1, .handshakes = 1});
  ConnectionLease first = limits.take_connection();
  EXPECT_TRUE(first.count_source(ip("192.0.2.1")));
  EXPECT_FALSE(limits.take_connection().is_held());
  limits.set_limits({.connections = 2, .connections_per_source = 2, .handshakes = 0});
  ConnectionLease second = limits.take_connection();
  EXPECT_TRUE(second.count_source(ip("192.0.2.1")));
  EXPECT_FALSE(limits.take_handshake().is_held());
  limits.set_limits({.connections = 1});
  EXPECT_TRUE(first.is_held() && second.is_held()) << "nobody is turned out";
  second = {};
  EXPECT_FALSE(limits.take_connection().is_held());
}

}  // namespace
}  // namespace uturn
