// Connect: from a TCP relayed transport address to a peer (RFC 6062, Section 5.2).
#include "tests/relay/test_relay.h"

namespace uturn {
namespace {

TestSettings with_tcp() { return {.relays_tcp = true}; }

class Connect : public testing::Test {
 protected:
  explicit Connect(TestSettings settings = with_tcp()) : relay(std::move(settings)) {
    alice.allocate_tcp();
  }
  TestRelay relay;
  TestClient& alice = relay.stream_client("192.0.2.1:4000");
};

TEST_F(Connect, IsAnsweredWhenThePeerHasAccepted) {
  EXPECT_TRUE(alice.connect("198.51.100.7:80").is_none());
  EXPECT_TRUE(relay.last_was_deferred());
  const auto socket = relay.tcp_sockets().to(address("198.51.100.7:80"));
  ASSERT_TRUE(socket);
  EXPECT_EQ(relay.tcp_sockets().at(*socket).local, relayed_address(alice.relayed))
      << "from the relayed transport address";
  relay.peer_accepts("198.51.100.7:80");
  const Message answer = alice.answer();
  EXPECT_TRUE(answer.is(Method::connect, MessageClass::success));
  EXPECT_TRUE(answer.has(AttributeType::message_integrity));
  EXPECT_NE(answer.connection().value, 0u);
  EXPECT_EQ(relay.tcp_sockets().at(*socket).id, answer.connection());
  EXPECT_TRUE(alice.hears_nothing());
}

TEST_F(Connect, NeedsNoPermissionAndGivesNone) {
  alice.connect("198.51.100.7:80");
  relay.peer_accepts("198.51.100.7:80");
  EXPECT_TRUE(alice.answer().is_success());
  relay.peer_connects("198.51.100.7:6000", alice.relayed);
  EXPECT_EQ(relay.last_drop(), DropReason::no_permission);
}

TEST_F(Connect, WithoutAnAllocationOrOnOneOfUdpIsAMismatch) {
  auto& bob = relay.stream_client("192.0.2.2:4000", "bob");
  EXPECT_EQ(bob.connect("198.51.100.7:80").error(), 437);
  bob.allocate();
  EXPECT_EQ(bob.connect("198.51.100.7:80").error(), 437);
}

TEST_F(Connect, IsTheUsersWhoAllocated) {
  alice.is_now("bob");
  alice.has_password("secret of bob");
  EXPECT_EQ(alice.connect("198.51.100.7:80").error(), 441);
}

TEST_F(Connect, WithoutAPeerOrWithAnInvalidOneIsABadRequest) {
  EXPECT_EQ(alice.request(Method::connect).error(), 400);
  EXPECT_EQ(alice.connect("198.51.100.7:0").error(), 400);
  const auto malformed = [](auto& m) {
    m.add(AttributeType::xor_peer_address, std::vector<uint8_t>(5));
  };
  EXPECT_EQ(alice.request(Method::connect, malformed).error(), 400);
  EXPECT_EQ(alice.connect("[2001:db8::7]:80").error(), 443) << "of the family that is not there";
}

TEST_F(Connect, ToAForbiddenPeerIsForbidden) {
  EXPECT_EQ(alice.connect("127.0.0.1:80").error(), 403);
  EXPECT_EQ(alice.connect("10.0.0.1:80").error(), 403);
  EXPECT_EQ(alice.connect("203.0.113.10:3478").error(), 403) << "our own listener";
  EXPECT_EQ(relay.tcp_sockets().connections().size(), 0u);
}

TEST_F(Connect, ReachesAnotherRelayedTransportAddressOfTcp) {
  auto& bob = relay.stream_client("192.0.2.2:4000", "bob");
  bob.allocate_tcp();
  alice.connect(bob.relayed.to_string());
  relay.peer_accepts(bob.relayed.to_string());
  EXPECT_TRUE(alice.answer().is_success());
}

// TCP's ports, not UDP's, say where TCP is relayed.
TEST(ConnectToOurselves, WhereOnlyUdpIsRelayedAsksThePolicy) {
  TestSettings settings = with_tcp();
  settings.allow = {"198.51.100.0/24"};
  settings.ports = {50'000, 50'001};
  TestRelay relay(std::move(settings));
  auto& alice = relay.stream_client("192.0.2.1:4000");
  auto& bob = relay.client("192.0.2.2:4000", "bob");
  auto& second = relay.client("192.0.2.2:4001", "bob");
  alice.allocate_tcp();
  bob.allocate();
  second.allocate();
  const auto& other = bob.relayed.port == alice.relayed.port ? second : bob;
  EXPECT_EQ(alice.connect(other.relayed.to_string()).error(), 403);
}

TEST_F(Connect, OfOnePeerIsOneAtATime) {
  alice.connect("198.51.100.7:80");
  EXPECT_EQ(alice.connect("198.51.100.7:80").error(), 446) << "being processed";
  EXPECT_TRUE(alice.connect("198.51.100.7:81").is_none()) << "another port is another peer";
  relay.peer_accepts("198.51.100.7:80");
  const ConnectionId id = alice.answer().connection();
  EXPECT_EQ(alice.connect("198.51.100.7:80").error(), 446) << "pending";
  relay.stream_client("192.0.2.1:4001").bind_connection(id);
  EXPECT_EQ(alice.connect("198.51.100.7:80").error(), 446) << "active";
  relay.connection_ends("198.51.100.7:80");
  EXPECT_TRUE(alice.connect("198.51.100.7:80").is_none()) << "it has ended";
}

TEST_F(Connect, ToAPeerThatHasConnectedItselfExistsAlready) {
  alice.create_permission("198.51.100.7:0");
  relay.peer_connects("198.51.100.7:6000", alice.relayed);
  EXPECT_EQ(alice.connect("198.51.100.7:6000").error(), 446);
}

TEST_F(Connect, ThatIsRefusedFails) {
  alice.connect("198.51.100.7:80");
  relay.peer_refuses("198.51.100.7:80");
  const Message answer = alice.answer();
  EXPECT_EQ(answer.error(), 447);
  EXPECT_EQ(answer.reason(), "Connection Timeout or Failure");
  EXPECT_EQ(relay.at().tcp_connections(), 0u);
  EXPECT_EQ(relay.at().pending(), 0u);
  EXPECT_TRUE(alice.connect("198.51.100.7:80").is_none()) << "it may be tried again";
}

TEST_F(Connect, ThatTheKernelCannotBeginFails) {
  relay.tcp_sockets().cannot_connect(true);
  EXPECT_EQ(alice.connect("198.51.100.7:80").error(), 447);
  EXPECT_EQ(relay.at().pending(), 0u);
  EXPECT_EQ(relay.at().tcp_connections(), 0u);
}

TEST_F(Connect, TimesOutAfterThirtySecondsAndNotBefore) {
  alice.connect("198.51.100.7:80");
  relay.passes(30s - 1ms);
  EXPECT_TRUE(alice.hears_nothing());
  EXPECT_TRUE(relay.is_connected_with("198.51.100.7:80"));
  relay.passes(2s);
  EXPECT_EQ(alice.answer().error(), 447);
  EXPECT_FALSE(relay.is_connected_with("198.51.100.7:80"));
  EXPECT_EQ(relay.counters().tcp_connects_timed_out, 1u);
  EXPECT_EQ(relay.counters().pending_expired, 0u) << "an answer, not silence";
}

TEST_F(Connect, ThatTakesTwentyNineSecondsSucceeds) {
  alice.connect("198.51.100.7:80");
  relay.passes(29s);
  relay.peer_accepts("198.51.100.7:80");
  EXPECT_TRUE(alice.answer().is_success());
  relay.passes(29s);
  EXPECT_TRUE(relay.is_connected_with("198.51.100.7:80")) << "thirty more to be bound";
}

TEST_F(Connect, WhoseAllocationEndsMeanwhileFails) {
  alice.connect("198.51.100.7:80");
  EXPECT_TRUE(alice.refresh(0).is_success());
  EXPECT_EQ(alice.answer().error(), 447);
  EXPECT_FALSE(relay.is_connected_with("198.51.100.7:80"));
  EXPECT_EQ(relay.at().pending(), 0u);
}

TEST_F(Connect, WhoseAllocationExpiredUnsweptFails) {
  relay.passes(580s);
  alice.connect("198.51.100.7:80");
  relay.passes_unswept(20s);
  relay.peer_accepts("198.51.100.7:80");
  EXPECT_EQ(alice.answer().error(), 447);
  EXPECT_EQ(relay.at().allocations(), 0u);
  EXPECT_FALSE(relay.is_connected_with("198.51.100.7:80"));
}

TEST_F(Connect, UnboundForThirtySecondsIsClosed) {
  alice.connect("198.51.100.7:80");
  relay.peer_accepts("198.51.100.7:80");
  const ConnectionId id = alice.answer().connection();
  relay.passes(30s - 1ms);
  EXPECT_TRUE(relay.is_connected_with("198.51.100.7:80"));
  relay.passes(1s);
  EXPECT_FALSE(relay.is_connected_with("198.51.100.7:80"));
  EXPECT_EQ(relay.counters().tcp_never_bound, 1u);
  EXPECT_EQ(relay.stream_client("192.0.2.1:4001").bind_connection(id).error(), 400);
}

TEST_F(Connect, SimultaneousOnesGetIdsOfTheirOwn) {
  std::set<uint32_t> ids;
  for (uint16_t port = 1; port <= 20; ++port) alice.connect("198.51.100.7:" + std::to_string(port));
  for (uint16_t port = 1; port <= 20; ++port) {
    relay.peer_accepts("198.51.100.7:" + std::to_string(port));
    ids.insert(alice.answer().connection().value);
  }
  EXPECT_EQ(ids.size(), 20u);
  EXPECT_FALSE(ids.contains(0));
}

TEST_F(Connect, RetransmittedJoinsWhatWaits) {
  alice.connect("198.51.100.7:80");
  EXPECT_TRUE(alice.repeat().is_none());
  relay.peer_accepts("198.51.100.7:80");
  EXPECT_TRUE(alice.answer().is_success());
  EXPECT_TRUE(alice.hears_nothing());
}

TEST_F(Connect, NewsOfAConnectionThatHasEndedIsNobodys) {
  alice.connect("198.51.100.7:80");
  const auto socket = relay.tcp_sockets().to(address("198.51.100.7:80"));
  const ConnectionId id = *relay.tcp_sockets().at(*socket).id;
  relay.peer_refuses("198.51.100.7:80");
  alice.answer();
  EXPECT_FALSE(relay.at().on_connected(id, relay.now));
  EXPECT_FALSE(relay.at().on_connection_ended(id, relay.now));
}

TEST(ConnectLimits, OfOneAllocation) {
  TestSettings settings = with_tcp();
  settings.relay.limits.tcp_connections_per_allocation = 2;
  TestRelay relay(std::move(settings));
  auto& alice = relay.stream_client("192.0.2.1:4000");
  alice.allocate_tcp();
  alice.create_permission("198.51.100.7:0");
  alice.connect("198.51.100.7:80");
  relay.peer_connects("198.51.100.7:6000", alice.relayed);
  alice.answer();
  EXPECT_EQ(alice.connect("198.51.100.7:81").error(), 508);
  relay.peer_connects("198.51.100.7:6001", alice.relayed);
  EXPECT_EQ(relay.last_drop(), DropReason::too_many_connections);
  EXPECT_FALSE(relay.is_connected_with("198.51.100.7:6001"));
  relay.connection_ends("198.51.100.7:6000");
  EXPECT_TRUE(alice.connect("198.51.100.7:81").is_none());
}

TEST(ConnectLimits, OfTheShard) {
  TestSettings settings = with_tcp();
  settings.relay.limits.tcp_connections = 1;
  TestRelay relay(std::move(settings));
  auto& alice = relay.stream_client("192.0.2.1:4000");
  auto& bob = relay.stream_client("192.0.2.2:4000", "bob");
  alice.allocate_tcp();
  bob.allocate_tcp();
  alice.connect("198.51.100.7:80");
  EXPECT_EQ(bob.connect("198.51.100.7:80").error(), 508);
}

// Peers that never answer must not take the places of those who wait for a directory.
TEST(ConnectLimits, LeaveRoomForOthersWhoWait) {
  TestSettings settings = with_tcp();
  settings.relay.limits.pending_requests = 8;
  settings.has_slow_directory = true;
  TestRelay relay(std::move(settings));
  auto& alice = relay.stream_client("192.0.2.1:4000");
  alice.allocate_tcp();
  alice.connect("198.51.100.7:1");
  alice.connect("198.51.100.7:2");
  EXPECT_EQ(alice.connect("198.51.100.7:3").error(), 508);
  relay.client("192.0.2.3:4000", "carol").allocate();
  EXPECT_TRUE(relay.last_was_deferred());
  relay.directory_answers();
}

TEST(ConnectExternal, NamesPeersAsTheWorldSeesThem) {
  TestSettings settings = with_tcp();
  settings.relay.external = ExternalAddresses({{ip_at("198.51.100.200"), ip_at("203.0.113.10")}});
  TestRelay relay(std::move(settings));
  auto& alice = relay.stream_client("192.0.2.1:4000");
  auto& bob = relay.stream_client("192.0.2.2:4000", "bob");
  alice.allocate_tcp();
  bob.allocate_tcp();
  EXPECT_EQ(bob.relayed.ip, ip_at("198.51.100.200"));
  alice.connect(bob.relayed.to_string());
  TransportAddress here = bob.relayed;
  here.ip = ip_at("203.0.113.10");
  EXPECT_TRUE(relay.is_connected_with(here.to_string()));
  bob.create_permission("198.51.100.200:0");
  TransportAddress from = alice.relayed;
  from.ip = ip_at("203.0.113.10");
  relay.peer_connects(from.to_string(), here);
  EXPECT_EQ(bob.answer().peer(), alice.relayed);
}

}  // namespace
}  // namespace uturn
