// TCP allocations (RFC 6062) from end to end, in virtual time: who closes first, who never comes,
// and what is left.
#include <gtest/gtest.h>

#include "tests/simulation/tcp_world.h"

namespace uturn {
namespace {

TEST_F(TcpAllocations, AClientThatNeverBindsLosesTheConnection) {
  connect();
  const auto end = peer.accept();
  world.run_for(25s);
  EXPECT_FALSE(end->is_over());
  world.run_for(10s);
  EXPECT_TRUE(end->is_over());
  EXPECT_TRUE(nothing_remains());
  EXPECT_EQ(world.relay_counters().tcp_never_bound, 1U);
}

TEST_F(TcpAllocations, APeerThatNobodyAnswersForIs447InThirtySeconds) {
  world.streams().swallow(TransportAddress::parse("198.51.100.99:1")->ip);
  const Instant began = world.network.now().monotonic;
  EXPECT_EQ(alice.ask(Method::connect, to_peer("198.51.100.99:80")).error(), 447);
  EXPECT_GE(world.network.now().monotonic - began, 29s);
  EXPECT_TRUE(nothing_remains());
}

TEST_F(TcpAllocations, APeerThatRefusesIs447AtOnce) {
  EXPECT_EQ(alice.ask(Method::connect, to_peer("198.51.100.7:81")).error(), 447);
  EXPECT_TRUE(nothing_remains());
}

TEST_F(TcpAllocations, AnAllocationThatIsDeletedWhileConnectingAnswers447) {
  world.streams().swallow(TransportAddress::parse("198.51.100.99:1")->ip);
  alice.send_request(Method::connect, to_peer("198.51.100.99:80"));
  world.run_for(1s);
  EXPECT_EQ(world.peer_connections(), 1U);
  alice.ask(Method::refresh, [](auto& m) { m.add_u32(AttributeType::lifetime, 0); });
  world.run_for(1s);
  ASSERT_EQ(alice.frames.size(), 1U) << "the Connect's answer";
  EXPECT_EQ(Message(alice.frames.front()).error(), 447);
  EXPECT_TRUE(nothing_remains());
}

TEST_F(TcpAllocations, AClientThatGoesWhileConnectingLeavesNothing) {
  world.streams().swallow(TransportAddress::parse("198.51.100.99:1")->ip);
  alice.send_request(Method::connect, to_peer("198.51.100.99:80"));
  world.run_for(1s);
  alice.leave();
  world.run_for(1s);
  EXPECT_TRUE(nothing_remains());
  EXPECT_EQ(world.allocations(), 0U);
}

TEST_F(TcpAllocations, WhatAPeerSaidBeforeItLeftIsHeardAfterTheBind) {
  const ConnectionId id = connect();
  const auto end = peer.accept();
  end->say("first and last words");
  end->leave();
  world.run_for(5s);
  const auto data = data_connection();
  EXPECT_TRUE(bind(*data, id).is_success());
  EXPECT_TRUE(world.run_until([&] { return data->has_ended(); }));
  EXPECT_EQ(data->heard, "first and last words");
  data->leave();
  EXPECT_TRUE(nothing_remains());
}

TEST_F(TcpAllocations, APeerThatBrokeOffBeforeTheBindIsNobody) {
  const ConnectionId id = connect();
  peer.accept()->reset();
  world.run_for(2s);
  const auto data = data_connection();
  EXPECT_EQ(bind(*data, id).error(), 400);
  EXPECT_FALSE(data->is_over()) << "a connection like any other";
  EXPECT_TRUE(nothing_remains());
}

TEST_F(TcpAllocations, HalfClosedEndsGoOnTheOtherWay) {
  const ConnectionId id = connect();
  const auto end = peer.accept();
  const auto data = data_connection();
  ASSERT_TRUE(bind(*data, id).is_success());
  data->say("a question");
  data->end_writing();
  EXPECT_TRUE(world.run_until([&] { return end->has_ended; }));
  EXPECT_EQ(end->heard, "a question");
  end->say("an answer");
  EXPECT_TRUE(world.run_until([&] { return data->heard == "an answer"; }));
  end->leave();
  EXPECT_TRUE(world.run_until([&] { return data->has_ended(); }));
  EXPECT_TRUE(nothing_remains());
}

TEST_F(TcpAllocations, AResetOfOneEndIsTheOthersReset) {
  const ConnectionId id = connect();
  const auto end = peer.accept();
  const auto data = data_connection();
  ASSERT_TRUE(bind(*data, id).is_success());
  data->reset();
  EXPECT_TRUE(world.run_until([&] { return end->was_reset; }));
  EXPECT_TRUE(nothing_remains());
  EXPECT_EQ(world.counters().connections, 1U) << "the control connection";
}

TEST_F(TcpAllocations, OnlyPermittedPeersMayConnect) {
  const auto stranger = peer.connect(relayed);
  EXPECT_TRUE(world.run_until([&] { return stranger->is_over(); }));
  EXPECT_TRUE(alice.frames.empty());
}

/// With several shards the data connection is, by chance, another's than the allocation.
class TcpAllocationsAcrossShards : public TcpAllocations, public testing::WithParamInterface<bool> {
 protected:
  TcpAllocationsAcrossShards() : TcpAllocations(4) {}
};

TEST_P(TcpAllocationsAcrossShards, DataConnectionsFindTheirPeers) {
  alice.ask(Method::create_permission, to_peer("198.51.100.7:0"));
  for (int i = 0; i < 12; ++i) {
    SCOPED_TRACE(i);
    const auto end = peer.connect(relayed);
    end->say("before the bind, ");
    ASSERT_TRUE(world.run_until([&] { return !alice.frames.empty(); }));
    const Message attempt(alice.frames.front());
    alice.frames.pop_front();
    ASSERT_TRUE(attempt.is(Method::connection_attempt, MessageClass::indication));
    const auto data = data_connection(GetParam());
    const Message bound = GetParam() ? data->ask(Method::connection_bind, of(attempt.connection()))
                                     : bind(*data, attempt.connection());
    ASSERT_TRUE(bound.is_success());
    if (!GetParam()) {
      data->say("from the client");
      EXPECT_TRUE(world.run_until([&] { return end->heard == "from the client"; }));
      end->say("and behind it");
      EXPECT_TRUE(world.run_until([&] { return data->heard == "before the bind, and behind it"; }));
    }
    end->reset();
    EXPECT_TRUE(world.run_until([&] { return data->is_over(); }));
  }
  EXPECT_GT(world.counters().handed_over, 0U);
  EXPECT_EQ(world.counters().handed_over, world.counters().taken_over);
  EXPECT_EQ(world.counters().joined, 12U);
  EXPECT_TRUE(nothing_remains());
}

// The end of an allocation and the bind of its connection pass each other between two shards.
TEST_P(TcpAllocationsAcrossShards, AConnectionThatEndsWhileItsDataConnectionMovesLeavesNothing) {
  for (int i = 0; i < 8; ++i) {
    const ConnectionId id = connect();
    const auto end = peer.accept();
    const auto data = data_connection(GetParam());
    data->ask_once(Method::connection_bind, of(id));  // 401
    data->send_request(Method::connection_bind, of(id));
    end->reset();
    world.run_for(2s);
    EXPECT_TRUE(nothing_remains());
  }
  alice.leave();
  world.run_for(2s);
  EXPECT_EQ(world.allocations(), 0U);
  world.run_for(3min);
  EXPECT_EQ(world.counters().connections, 0U);
}

INSTANTIATE_TEST_SUITE_P(Transports, TcpAllocationsAcrossShards, testing::Bool(),
                         [](const auto& over) { return over.param ? "Tls" : "Tcp"; });

}  // namespace
}  // namespace uturn
