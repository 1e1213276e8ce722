// ConnectionAttempt: a peer connects to a TCP relayed transport address (RFC 6062, Section 5.3).
#include "tests/relay/test_relay.h"

namespace uturn {
namespace {

class ConnectionAttempt : public testing::Test {
 protected:
  ConnectionAttempt() { alice.allocate_tcp(); }
  TestRelay relay{{.relays_tcp = true}};
  TestClient& alice = relay.stream_client("192.0.2.1:4000");
};

TEST_F(ConnectionAttempt, IsToldToTheClient) {
  alice.create_permission("198.51.100.7:0");
  relay.peer_connects("198.51.100.7:6000", alice.relayed);
  const Message told = alice.answer();
  EXPECT_TRUE(told.is(Method::connection_attempt, MessageClass::indication));
  EXPECT_EQ(told.peer(), address("198.51.100.7:6000"));
  EXPECT_NE(told.connection().value, 0u);
  const auto socket = relay.tcp_sockets().to(address("198.51.100.7:6000"));
  EXPECT_EQ(relay.tcp_sockets().at(*socket).id, told.connection());
  EXPECT_EQ(relay.counters().tcp_attempts_told, 1u);
}

TEST_F(ConnectionAttempt, WithoutPermissionIsClosedAtOnce) {
  relay.peer_connects("198.51.100.7:6000", alice.relayed);
  EXPECT_EQ(relay.last_drop(), DropReason::no_permission);
  EXPECT_FALSE(relay.is_connected_with("198.51.100.7:6000"));
  EXPECT_TRUE(alice.hears_nothing());
  const auto& closed = relay.counters().tcp_peers_closed;
  EXPECT_EQ(closed[static_cast<size_t>(DropReason::no_permission)], 1u);
}

TEST_F(ConnectionAttempt, NeedsThePermissionOfThatMoment) {
  alice.create_permission("198.51.100.7:0");
  relay.passes(299s);
  relay.peer_connects("198.51.100.7:6000", alice.relayed);
  EXPECT_TRUE(alice.answer().is(Method::connection_attempt, MessageClass::indication));
  relay.passes_unswept(1s);
  relay.peer_connects("198.51.100.7:6001", alice.relayed);
  EXPECT_EQ(relay.last_drop(), DropReason::no_permission);
}

TEST_F(ConnectionAttempt, PermissionsAreSweptAndRenewedAsForUdp) {
  alice.create_permission("198.51.100.7:0");
  relay.passes(200s);
  alice.create_permission("198.51.100.7:0");
  relay.passes(200s);
  relay.peer_connects("198.51.100.7:6000", alice.relayed);
  EXPECT_TRUE(relay.is_connected_with("198.51.100.7:6000"));
}

TEST_F(ConnectionAttempt, OfAnExpiredAllocationIsClosed) {
  alice.create_permission("198.51.100.7:0");
  relay.passes(500s);
  alice.create_permission("198.51.100.7:0");
  relay.passes_unswept(100s);
  relay.peer_connects("198.51.100.7:6000", alice.relayed);
  EXPECT_EQ(relay.last_drop(), DropReason::no_allocation);
}

TEST_F(ConnectionAttempt, ThatNobodyBindsIsClosedAfterThirtySeconds) {
  alice.create_permission("198.51.100.7:0");
  relay.peer_connects("198.51.100.7:6000", alice.relayed);
  relay.passes(30s - 1ms);
  EXPECT_TRUE(relay.is_connected_with("198.51.100.7:6000"));
  relay.passes(1s);
  EXPECT_FALSE(relay.is_connected_with("198.51.100.7:6000"));
  EXPECT_EQ(
      relay.stream_client("192.0.2.1:4001").bind_connection(alice.answer().connection()).error(),
      400);
}

TEST_F(ConnectionAttempt, ThatEndsBeforeItIsBoundLeavesNothing) {
  alice.create_permission("198.51.100.7:0");
  relay.peer_connects("198.51.100.7:6000", alice.relayed);
  relay.connection_ends("198.51.100.7:6000");
  EXPECT_EQ(relay.at().tcp_connections(), 0u);
  EXPECT_EQ(
      relay.stream_client("192.0.2.1:4001").bind_connection(alice.answer().connection()).error(),
      400);
}

// The kernel says so first by letting the peer connect again.
TEST_F(ConnectionAttempt, FromAnAddressThatWasConnectedReplacesTheEarlier) {
  alice.create_permission("198.51.100.7:0");
  relay.peer_connects("198.51.100.7:6000", alice.relayed);
  const ConnectionId earlier = alice.answer().connection();
  relay.peer_connects("198.51.100.7:6000", alice.relayed);
  const ConnectionId later = alice.answer().connection();
  EXPECT_NE(earlier, later);
  EXPECT_EQ(relay.at().tcp_connections(), 1u);
  auto& data = relay.stream_client("192.0.2.1:4001");
  EXPECT_EQ(data.bind_connection(earlier).error(), 400);
  EXPECT_TRUE(data.bind_connection(later).is_success());
}

TEST_F(ConnectionAttempt, OfAnotherAllocationNeedsItsRelayedAddressPermitted) {
  auto& bob = relay.stream_client("192.0.2.2:4000", "bob");
  bob.allocate_tcp();
  bob.connect(alice.relayed.to_string());
  relay.peer_connects(bob.relayed.to_string(), alice.relayed);
  EXPECT_EQ(relay.last_drop(), DropReason::no_permission);
  alice.create_permission("203.0.113.10:0");
  relay.peer_connects(bob.relayed.to_string(), alice.relayed);
  EXPECT_EQ(alice.answer().peer(), bob.relayed);
}

}  // namespace
}  // namespace uturn
