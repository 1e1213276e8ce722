// TCP allocations: Allocate over a stream, what lives and dies with it, and what it is not for
// (RFC 6062, Sections 4.2, 5.1 and 5.5).
#include "tests/relay/test_relay.h"

namespace uturn {
namespace {

TestSettings with_tcp() { return {.relays_tcp = true}; }

TEST(TcpAllocate, ListensOnATcpRelayedTransportAddress) {
  TestRelay relay(with_tcp());
  auto& alice = relay.stream_client("192.0.2.1:4000");
  const Message answer = alice.allocate_tcp();
  EXPECT_TRUE(answer.is_success());
  EXPECT_EQ(answer.lifetime(), 600u);
  EXPECT_EQ(answer.address(AttributeType::xor_mapped_address), address("192.0.2.1:4000"));
  EXPECT_FALSE(answer.has(AttributeType::reservation_token));
  EXPECT_NE(relay.tcp_sockets().listener_at(alice.relayed), nullptr);
  EXPECT_EQ(relay.sockets().opened(), 0u) << "and no UDP socket";
  EXPECT_EQ(relay.ports.taken(), 0u);
  EXPECT_EQ(relay.tcp_ports.taken(), 1u);
}

TEST(TcpAllocate, IsForTcpAndTlsClientsOnly) {
  TestRelay relay(with_tcp());
  EXPECT_TRUE(relay.stream_client("192.0.2.1:4000", "alice", 0, Transport::tls)
                  .allocate_tcp()
                  .is_success());
  EXPECT_EQ(
      relay.stream_client("192.0.2.1:4001", "alice", 0, Transport::dtls).allocate_tcp().error(),
      400);
  EXPECT_EQ(relay.client("192.0.2.1:4002").allocate_tcp().error(), 400);
}

TEST(TcpAllocate, OfAnotherTransportOrWhereTcpIsNotRelayedIsUnsupported) {
  TestRelay relay(with_tcp());
  const auto sctp = [](auto& m) { m.add_requested_transport(132); };
  EXPECT_EQ(relay.stream_client("192.0.2.1:4000").request(Method::allocate, sctp).error(), 442);
  TestRelay without;
  auto& alice = without.stream_client("192.0.2.1:4000");
  EXPECT_EQ(alice.allocate_tcp().error(), 442);
  EXPECT_TRUE(alice.connect("198.51.100.7:80").is_none());
  EXPECT_EQ(without.last_drop(), DropReason::unknown_method);
}

TEST(TcpAllocate, WithWhatBelongsToDatagramsIsABadRequest) {
  TestRelay relay(with_tcp());
  auto& alice = relay.stream_client("192.0.2.1:4000");
  EXPECT_EQ(alice.allocate_tcp([](auto& m) { m.add_flag(AttributeType::dont_fragment); }).error(),
            400);
  EXPECT_EQ(alice.allocate_tcp([](auto& m) { m.add_even_port(false); }).error(), 400);
  EXPECT_EQ(
      alice.allocate_tcp([](auto& m) { m.add_u64(AttributeType::reservation_token, 1); }).error(),
      400);
  EXPECT_EQ(relay.at().allocations(), 0u);
}

TEST(TcpAllocate, OfUdpOverAStreamIsAnOrdinaryAllocation) {
  TestRelay relay(with_tcp());
  auto& alice = relay.stream_client("192.0.2.1:4000");
  alice.allocate();
  alice.bind_channel(0x4000, "198.51.100.7:5000");
  alice.channel_data(0x4000, "hello");
  EXPECT_EQ(relay.sent_to_peer().data, "hello");
  relay.datagram_from_peer("198.51.100.7:5000", "hiya");
  EXPECT_EQ(alice.received(), channel_data(0x4000, "hiya"));
  EXPECT_TRUE(relay.tcp_sockets().listeners().empty());
}

TEST(TcpAllocate, TcpAndUdpPortsAreDifferentNames) {
  TestSettings settings = with_tcp();
  settings.ports = {50'000, 50'000};
  TestRelay relay(std::move(settings));
  auto& tcp = relay.stream_client("192.0.2.1:4000");
  auto& udp = relay.stream_client("192.0.2.1:4001");
  EXPECT_TRUE(tcp.allocate_tcp().is_success());
  EXPECT_TRUE(udp.allocate().is_success());
  EXPECT_EQ(tcp.relayed, udp.relayed);
  EXPECT_EQ(relay.stream_client("192.0.2.1:4002").allocate_tcp().error(), 508);
}

TEST(TcpAllocate, TriesAnotherPortWhereAnotherProcessListens) {
  TestRelay relay(with_tcp());
  relay.tcp_sockets().occupy_next(3);
  EXPECT_TRUE(relay.stream_client("192.0.2.1:4000").allocate_tcp().is_success());
  EXPECT_EQ(relay.counters().ports_occupied, 3u);
  EXPECT_EQ(relay.tcp_ports.resting(), 3u);
}

TEST(TcpAllocate, OfBothFamiliesListensTwice) {
  TestRelay relay(with_tcp());
  auto& alice = relay.stream_client("192.0.2.1:4000");
  const Message answer = alice.allocate_tcp(
      [](auto& m) { m.add_family(AttributeType::additional_address_family, AddressFamily::ipv6); });
  const auto relayed = answer.addresses(AttributeType::xor_relayed_address);
  ASSERT_EQ(relayed.size(), 2u);
  alice.create_permission("[2001:db8::7]:0");
  alice.create_permission("198.51.100.7:0");
  relay.peer_connects("[2001:db8::7]:6000", relayed[1]);
  relay.peer_connects("198.51.100.7:6000", relayed[0]);
  alice.refresh([](auto& m) {
    m.add_u32(AttributeType::lifetime, 0);
    m.add_family(AttributeType::requested_address_family, AddressFamily::ipv6);
  });
  EXPECT_FALSE(relay.is_connected_with("[2001:db8::7]:6000"));
  EXPECT_TRUE(relay.is_connected_with("198.51.100.7:6000")) << "the other half stays";
}

TEST(TcpAllocate, CountsInTheUsersQuota) {
  TestSettings settings = with_tcp();
  settings.quota.allocations_per_user = 1;
  TestRelay relay(std::move(settings));
  EXPECT_TRUE(relay.stream_client("192.0.2.1:4000").allocate_tcp().is_success());
  EXPECT_EQ(relay.stream_client("192.0.2.1:4001").allocate_tcp().error(), 486);
}

// A channel, a Send indication and a datagram's shortcut have nothing to start from.
TEST(TcpAllocation, RelaysNoDatagrams) {
  TestSettings settings = with_tcp();
  settings.allow = {"198.51.100.0/24"};  // of our own addresses, relayed ones only
  TestRelay relay(std::move(settings));
  auto& alice = relay.stream_client("192.0.2.1:4000");
  alice.allocate_tcp();
  EXPECT_TRUE(alice.create_permission("198.51.100.7:0").is_success());
  EXPECT_EQ(alice.bind_channel(0x4000, "198.51.100.7:5000").error(), 403);
  alice.send("198.51.100.7:5000", "hello");
  EXPECT_EQ(relay.last_drop(), DropReason::wrong_transport);
  alice.channel_data(0x4000, "hello");
  EXPECT_EQ(relay.last_drop(), DropReason::no_channel);
  EXPECT_TRUE(relay.peers_hear_nothing());

  // Another allocation's datagram to the TCP port's number is nobody's.
  auto& bob = relay.client("192.0.2.2:4000", "bob");
  bob.allocate();
  EXPECT_TRUE(bob.create_permission("203.0.113.10:0").is_success());
  bob.send(alice.relayed.to_string(), "hello");
  EXPECT_EQ(relay.last_drop(), DropReason::peer_forbidden);
  EXPECT_TRUE(relay.peers_hear_nothing());
  EXPECT_TRUE(alice.hears_nothing());
}

TEST(TcpAllocation, ExpiresWithItsConnections) {
  TestRelay relay(with_tcp());
  auto& alice = relay.stream_client("192.0.2.1:4000");
  alice.allocate_tcp();
  alice.connect("198.51.100.7:80");
  relay.peer_accepts("198.51.100.7:80");
  auto& data = relay.stream_client("192.0.2.1:4001");
  EXPECT_TRUE(data.bind_connection(alice.answer().connection()).is_success());
  relay.passes(590s);
  EXPECT_TRUE(alice.refresh().is_success());
  relay.passes(599s);
  EXPECT_TRUE(relay.is_connected_with("198.51.100.7:80")) << "as long as the client refreshes it";
  relay.passes(2s);
  EXPECT_FALSE(relay.is_connected_with("198.51.100.7:80"));
  EXPECT_EQ(relay.at().tcp_connections(), 0u);
  EXPECT_TRUE(relay.tcp_sockets().listeners().empty());
  EXPECT_EQ(relay.at().next_deadline(), kNever);
}

TEST(TcpAllocation, IsDeletedByRefreshWithItsConnections) {
  TestRelay relay(with_tcp());
  auto& alice = relay.stream_client("192.0.2.1:4000");
  alice.allocate_tcp();
  alice.create_permission("198.51.100.7:0");
  relay.peer_connects("198.51.100.7:6000", alice.relayed);
  EXPECT_EQ(alice.refresh(0).lifetime(), 0u);
  EXPECT_EQ(relay.at().tcp_connections(), 0u);
  EXPECT_EQ(relay.tcp_ports.taken(), 0u);
}

TEST(TcpAllocation, EndsWithItsControlConnection) {
  TestRelay relay(with_tcp());
  auto& alice = relay.stream_client("192.0.2.1:4000");
  alice.allocate_tcp();
  alice.connect("198.51.100.7:80");
  relay.is_gone(alice);
  EXPECT_EQ(relay.at().allocations(), 0u);
  EXPECT_EQ(relay.at().tcp_connections(), 0u);
  EXPECT_EQ(relay.at().pending(), 0u) << "nobody is left to be answered";
  EXPECT_TRUE(alice.hears_nothing());
  EXPECT_EQ(relay.counters().allocations_disconnected, 1u);
}

TEST(ClientGone, EndsAUdpAllocationToo) {
  TestRelay relay;
  auto& alice = relay.stream_client("192.0.2.1:4000", "alice", 0, Transport::tls);
  alice.allocate();
  relay.is_gone(alice);
  EXPECT_EQ(relay.at().allocations(), 0u);
  EXPECT_EQ(relay.ports.taken(), 0u);
  EXPECT_EQ(relay.quota.held(), 0u);
  relay.is_gone(alice);  // as it may be told of a connection that had none
}

TEST(HasAllocation, IsSaidOfAControlConnectionAsLongAsTheAllocationLives) {
  TestRelay relay;
  auto& alice = relay.stream_client("192.0.2.1:4000");
  EXPECT_FALSE(relay.at().has_allocation(alice.five_tuple(), relay.now));
  alice.allocate();
  EXPECT_TRUE(relay.at().has_allocation(alice.five_tuple(), relay.now));
  relay.passes_unswept(600s);
  EXPECT_FALSE(relay.at().has_allocation(alice.five_tuple(), relay.now)) << "though unswept";
}

// A late answer of the directory must not allocate for a connection that is no more.
TEST(ClientGone, MakesWhatWaitsForADirectoryNobodys) {
  TestSettings settings;
  settings.has_slow_directory = true;
  TestRelay relay(std::move(settings));
  auto& carol = relay.stream_client("192.0.2.1:4000", "carol");
  auto& other = relay.stream_client("192.0.2.1:4001", "carol");
  carol.allocate();
  carol.allocate();
  other.allocate();
  relay.is_gone(carol);
  EXPECT_EQ(relay.at().pending(), 1u);
  for (int i = 0; i < 3; ++i) relay.directory_answers();
  EXPECT_EQ(relay.at().allocations(), 1u);
  EXPECT_TRUE(carol.hears_nothing());
  EXPECT_TRUE(other.answer().is_success());
}

// RFC 8656, Sections 15 and 16: a stream has no headers that could be carried on.
TEST(Streams, DontFragmentCountsWhateverTheFamilies) {
  TestRelay relay;
  auto& alice = relay.stream_client("192.0.2.1:4000");
  const auto ipv6 = [](auto& m) {
    m.add_family(AttributeType::requested_address_family, AddressFamily::ipv6);
    m.add_flag(AttributeType::dont_fragment);
  };
  EXPECT_TRUE(alice.allocate(ipv6).is_success());
  EXPECT_EQ(relay.client("192.0.2.1:4001").allocate(ipv6).error(), 420) << "over UDP it cannot";
  alice.create_permission("[2001:db8::7]:0");
  alice.send("[2001:db8::7]:5000", "whole",
             [](auto& m) { m.add_flag(AttributeType::dont_fragment); });
  const ToPeer whole = relay.sent_to_peer();
  EXPECT_TRUE(whole.ip.dont_fragment);
  EXPECT_EQ(whole.ip.dscp, 0);
  EXPECT_EQ(whole.ip.ecn, 0);
  EXPECT_EQ(whole.ip.ttl, 0) << "the system's default";
  alice.send("[2001:db8::7]:5000", "as it comes");
  EXPECT_FALSE(relay.sent_to_peer().ip.dont_fragment);
}

TEST(Streams, LastHopOfAPeersDatagramIsNotTheStreams) {
  TestRelay relay;
  auto& alice = relay.stream_client("192.0.2.1:4000");
  alice.allocate();
  alice.create_permission("198.51.100.7:0");
  relay.datagram_from_peer("198.51.100.7:5000", "just arrived", {0, 0, 1, false, {}});
  EXPECT_EQ(alice.answer().data(), "just arrived");
}

}  // namespace
}  // namespace uturn
