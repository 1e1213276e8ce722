// ConnectionBind: a fresh connection of the client becomes a data connection (RFC 6062,
// Section 5.4), whichever shard it came to.
#include "tests/relay/test_relay.h"

namespace uturn {
namespace {

constexpr auto kPeer = "198.51.100.7:80";

TestSettings with_tcp(uint8_t shards = 1) { return {.relays_tcp = true, .shards = shards}; }

/// A connection to kPeer that waits for its ConnectionBind.
ConnectionId connect(TestRelay& relay, TestClient& client) {
  client.connect(kPeer);
  relay.peer_accepts(kPeer);
  return client.answer().connection();
}

class ConnectionBind : public testing::Test {
 protected:
  ConnectionBind() {
    alice.allocate_tcp();
    id = connect(relay, alice);
  }
  TestRelay relay{with_tcp()};
  TestClient& alice = relay.stream_client("192.0.2.1:4000");
  ConnectionId id;
};

TEST_F(ConnectionBind, JoinsTheTwoDataConnections) {
  auto& data = relay.stream_client("192.0.2.1:4001");
  EXPECT_EQ(relay.joined_with(kPeer), nullptr);
  const Message answer = data.bind_connection(id);
  EXPECT_TRUE(answer.is(Method::connection_bind, MessageClass::success));
  EXPECT_TRUE(answer.has(AttributeType::message_integrity));
  EXPECT_EQ(relay.joined_with(kPeer), &data);
  relay.passes(300s);
  EXPECT_EQ(relay.joined_with(kPeer), &data) << "bound, it has no deadline of its own";
}

TEST_F(ConnectionBind, WhatTheTwoCarryIsCountedForTheirAllocation) {
  relay.stream_client("192.0.2.1:4001").bind_connection(id);
  relay.at().on_bytes_joined(id, Towards::peer, 1'000, 0, relay.now);
  relay.at().on_bytes_joined(id, Towards::client, 20, 0, relay.now);
  relay.at().on_bytes_joined({id.value ^ 1}, Towards::client, 7, 0, relay.now);
  const TrafficClass& alike = *relay.at().traffic().all().front();
  EXPECT_EQ(alike.transport, Transport::tcp);
  EXPECT_EQ(alike.families[0].to_peers.bytes, 1'000u);
  EXPECT_EQ(alike.families[0].to_clients.bytes, 20u);
  EXPECT_EQ(alike.families[0].to_peers.packets, 0u) << "a stream has none";
  relay.at().visit_allocations(0, 100, [](const Allocation& allocation) {
    EXPECT_EQ(allocation.traffic.bytes_to_peers, 1'000u);
    EXPECT_EQ(allocation.traffic.bytes_to_client, 20u);
  });
}

TEST_F(ConnectionBind, OverTlsIsAsGood) {
  auto& data = relay.stream_client("192.0.2.1:4001", "alice", 0, Transport::tls);
  EXPECT_TRUE(data.bind_connection(id).is_success());
}

TEST_F(ConnectionBind, OverDatagramsIsABadRequest) {
  EXPECT_EQ(relay.client("192.0.2.1:4001").bind_connection(id).error(), 400);
  auto& dtls = relay.stream_client("192.0.2.1:4002", "alice", 0, Transport::dtls);
  EXPECT_EQ(dtls.bind_connection(id).error(), 400);
  EXPECT_EQ(relay.joined_with(kPeer), nullptr);
}

TEST_F(ConnectionBind, OnAControlConnectionIsABadRequest) {
  EXPECT_EQ(alice.bind_connection(id).error(), 400);
  auto& other = relay.stream_client("192.0.2.1:4001");
  other.allocate();
  EXPECT_EQ(other.bind_connection(id).error(), 400);
  EXPECT_TRUE(relay.stream_client("192.0.2.1:4002").bind_connection(id).is_success());
}

TEST_F(ConnectionBind, WithoutOrWithAnUnknownIdIsABadRequest) {
  auto& data = relay.stream_client("192.0.2.1:4001");
  EXPECT_EQ(data.request(Method::connection_bind).error(), 400);
  EXPECT_EQ(data.bind_connection({id.value ^ 1}).error(), 400);
  EXPECT_EQ(data.bind_connection({0xFF00'0001}).error(), 400) << "of a shard that is not there";
  const auto malformed = [](auto& m) {
    m.add(AttributeType::connection_id, std::vector<uint8_t>(3));
  };
  EXPECT_EQ(data.request(Method::connection_bind, malformed).error(), 400);
  EXPECT_TRUE(data.bind_connection(id).is_success()) << "the connection may try again";
}

TEST_F(ConnectionBind, HappensOnce) {
  EXPECT_TRUE(relay.stream_client("192.0.2.1:4001").bind_connection(id).is_success());
  EXPECT_EQ(relay.stream_client("192.0.2.1:4002").bind_connection(id).error(), 400);
}

TEST_F(ConnectionBind, OfAConnectionThatIsNotThereYetIsABadRequest) {
  alice.connect("198.51.100.7:81");
  const auto socket = relay.tcp_sockets().to(address("198.51.100.7:81"));
  const ConnectionId early = *relay.tcp_sockets().at(*socket).id;
  EXPECT_EQ(relay.stream_client("192.0.2.1:4001").bind_connection(early).error(), 400);
}

TEST_F(ConnectionBind, IsAuthenticated) {
  auto& stranger = relay.stream_client("192.0.2.9:4000");
  const auto with_id = [&](auto& m) { m.add_u32(AttributeType::connection_id, id.value); };
  const Message challenge = stranger.unsigned_request(Method::connection_bind, with_id);
  EXPECT_EQ(challenge.error(), 401);
  EXPECT_TRUE(challenge.has(AttributeType::nonce));
  stranger.has_password("guess");
  EXPECT_EQ(stranger.bind_connection(id).error(), 401);
  EXPECT_EQ(relay.joined_with(kPeer), nullptr);
}

TEST_F(ConnectionBind, OfAnotherUsersConnectionHasWrongCredentials) {
  EXPECT_EQ(relay.stream_client("192.0.2.2:4000", "bob").bind_connection(id).error(), 441);
  EXPECT_EQ(relay.joined_with(kPeer), nullptr);
}

TEST_F(ConnectionBind, AfterThirtySecondsIsTooLateEvenWhereTheSweepIs) {
  relay.passes_unswept(30s);
  EXPECT_EQ(relay.stream_client("192.0.2.1:4001").bind_connection(id).error(), 400);
}

TEST_F(ConnectionBind, OfAnAllocationThatHasExpiredIsTooLate) {
  relay.passes(590s);
  const ConnectionId late = connect(relay, alice);
  relay.passes_unswept(10s);
  EXPECT_EQ(relay.stream_client("192.0.2.1:4001").bind_connection(late).error(), 400);
}

TEST_F(ConnectionBind, EitherEndEndsBoth) {
  auto& data = relay.stream_client("192.0.2.1:4001");
  data.bind_connection(id);
  relay.connection_ends(kPeer);
  EXPECT_EQ(relay.at().tcp_connections(), 0u);
  EXPECT_TRUE(alice.hears_nothing()) << "the closed connection says it all";
  EXPECT_EQ(relay.at().allocations(), 1u);
}

TEST_F(ConnectionBind, EndsWithTheControlConnection) {
  relay.stream_client("192.0.2.1:4001").bind_connection(id);
  relay.is_gone(alice);
  EXPECT_FALSE(relay.is_connected_with(kPeer));
}

// A REST credential lasts for a while, an allocation that was made with it goes on: and with it its
// data connections.
TEST(ConnectionBindCredentials, AreTheAllocationsEvenWhereTheyHaveExpired) {
  TestSettings settings = with_tcp();
  settings.rest_secrets = {"north"};
  TestRelay relay(std::move(settings));
  const std::string name = "1800000010:carol";
  const std::string password = rest_password("north", name);
  auto& carol = relay.stream_client("192.0.2.1:4000", name);
  carol.has_password(password);
  carol.allocate_tcp();
  relay.passes(20s);
  const ConnectionId id = connect(relay, carol);
  auto& data = relay.stream_client("192.0.2.1:4001", name);
  data.has_password(password);
  EXPECT_EQ(data.allocate().error(), 401) << "expired";
  EXPECT_TRUE(data.bind_connection(id).is_success());
}

TEST(ConnectionBindCredentials, OfADirectoryAreNotAskedForAgain) {
  TestSettings settings = with_tcp();
  settings.has_slow_directory = true;
  TestRelay relay(std::move(settings));
  auto& carol = relay.stream_client("192.0.2.1:4000", "carol");
  carol.allocate_tcp();
  relay.directory_answers();
  carol.answer();
  const ConnectionId id = connect(relay, carol);
  relay.directory->break_down();
  EXPECT_TRUE(relay.stream_client("192.0.2.1:4001", "carol").bind_connection(id).is_success());
}

// Three of the four bytes are random: guessing them takes longer than a connection waits.
TEST(ConnectionBindGuesses, CostAsMuchAsChallenges) {
  TestSettings settings = with_tcp();
  settings.authenticates = false;
  settings.relay.limits.answers_burst = 10;
  settings.relay.limits.answers_per_second = 1;
  TestRelay relay(std::move(settings));
  auto& mallory = relay.stream_client("192.0.2.9:4000");
  for (uint32_t i = 1; i <= 10; ++i) EXPECT_EQ(mallory.bind_connection({i}).error(), 400);
  EXPECT_TRUE(mallory.bind_connection({11}).is_none());
  EXPECT_EQ(relay.last_drop(), DropReason::answer_rate);
}

TEST(ConnectionBindAcrossShards, HandsTheConnectionToTheAllocationsShard) {
  TestRelay relay(with_tcp(3));
  auto& alice = relay.stream_client("192.0.2.1:4000", "alice", 2);
  alice.allocate_tcp();
  const ConnectionId id = connect(relay, alice);
  EXPECT_EQ(TcpConnectionTable::shard_of(id), 2);
  auto& data = relay.stream_client("192.0.2.1:4001", "alice", 0);
  EXPECT_TRUE(data.bind_connection(id).is_success());
  EXPECT_EQ(data.shard(), 2);
  EXPECT_EQ(relay.joined_with(kPeer), &data);
  EXPECT_EQ(relay.counters(0).handed_over, 1u);
  EXPECT_EQ(relay.counters(2).tcp_bound, 1u);
}

TEST(ConnectionBindAcrossShards, FailsThereForWhoMayNot) {
  TestRelay relay(with_tcp(2));
  auto& alice = relay.stream_client("192.0.2.1:4000", "alice", 1);
  alice.allocate_tcp();
  const ConnectionId id = connect(relay, alice);
  auto& bob = relay.stream_client("192.0.2.2:4000", "bob", 0);
  EXPECT_EQ(bob.bind_connection(id).error(), 441);
  auto& guess = relay.stream_client("192.0.2.2:4001", "bob", 0);
  EXPECT_EQ(guess.bind_connection({id.value ^ 1}).error(), 400);
  EXPECT_EQ(relay.joined_with(kPeer), nullptr);
}

TEST(ConnectionBindAcrossShards, ChallengesWhereItArrives) {
  TestRelay relay(with_tcp(2));
  auto& stranger = relay.stream_client("192.0.2.9:4000", "alice", 0);
  const auto with_id = [](auto& m) { m.add_u32(AttributeType::connection_id, 0x0100'0001); };
  EXPECT_EQ(stranger.unsigned_request(Method::connection_bind, with_id).error(), 401);
  EXPECT_EQ(stranger.shard(), 0);
  EXPECT_EQ(relay.counters(0).handed_over, 0u);
}

TEST(ConnectionBindAcrossShards, NeverMovesAControlConnectionOrDatagrams) {
  TestRelay relay(with_tcp(2));
  auto& alice = relay.stream_client("192.0.2.1:4000", "alice", 0);
  alice.allocate_tcp();
  EXPECT_EQ(alice.bind_connection({0x0100'0001}).error(), 400);
  EXPECT_EQ(relay.client("192.0.2.1:4001").bind_connection({0x0100'0001}).error(), 400);
  EXPECT_EQ(relay.counters(0).handed_over, 0u);
}

TEST(ConnectionBindAcrossShards, CostsTheSourceAsMuchAsAnAnswer) {
  TestSettings settings = with_tcp(2);
  settings.relay.limits.answers_burst = 3;
  settings.relay.limits.answers_per_second = 1;
  TestRelay relay(std::move(settings));
  std::vector<TestClient*> connections;
  for (int i = 0; i < 3; ++i) {
    connections.push_back(&relay.stream_client("192.0.2.9:" + std::to_string(4000 + i)));
  }
  for (TestClient* each : connections) each->bind_connection({0x0100'0001});
  EXPECT_EQ(relay.last_drop(), DropReason::answer_rate);
  EXPECT_LT(relay.counters(0).handed_over, 3u);
}

}  // namespace
}  // namespace uturn
