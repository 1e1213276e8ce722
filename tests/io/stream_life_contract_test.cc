// The contract of streams, ids and owners: closing while something is pending, changing the loop,
// and waiting.
#include <gmock/gmock.h>

#include <thread>

#include "tests/io/stream_harness.h"

namespace uturn {
namespace {

class StreamLife : public StreamContract {
 protected:
  // A connection that was readable, and no loop has any more.
  LooseSocket detach_with(std::string_view waiting, std::unique_ptr<StreamStranger>& there) {
    auto made = connection();
    there = std::move(made.there);
    there->write(waiting);
    CHECK(until([&] { return book.told_of(made.here).readable; }));
    return streams().detach(made.here);
  }
};

TEST_P(StreamLife, OfAClosedStreamNothingIsToldNotEvenFromTheBatchBeingHandled) {
  std::vector<Connection> connections;
  for (int i = 0; i < 20; ++i) {
    connections.push_back(connection());
    streams().set_tag(connections.back().here, static_cast<uint64_t>(i) + 1);
  }
  passes(10);
  book.events.clear();
  std::vector<SocketId> closed;
  book.on_event = [&](const StreamEvent& e) {
    EXPECT_NE(e.tag, 0u);
    EXPECT_THAT(closed, testing::Not(testing::Contains(e.socket)));
    if (!e.socket.is_valid() || !closed.empty()) return;
    for (const Connection& c : connections) {
      if (c.here == e.socket) continue;
      streams().close(c.here);
      closed.push_back(c.here);
    }
  };
  for (const Connection& c : connections) c.there->write("all at once");
  ASSERT_TRUE(until([&] { return !closed.empty(); }));
  passes(20);
  EXPECT_EQ(loop->counters().streams, 1u);
}

TEST_P(StreamLife, AStreamMayBeClosedWhileItIsBeingAccepted) {
  const SocketId listener = listen();
  book.on_connection = [&](const AcceptedStream& a) {
    if (a.socket.is_valid()) streams().close(a.socket);
  };
  const auto client = stranger_to(listener);
  client->write("is anybody there?");
  ASSERT_TRUE(until([&] { return book.accepted.size() == 1; }));
  passes(10);
  EXPECT_TRUE(book.events.empty());
  EXPECT_EQ(loop->counters().streams, 0u);
}

TEST_P(StreamLife, AStaleIdMeansNobody) {
  const auto [here, there] = connection();
  streams().close(here);
  const auto [next, its_client] = connection();
  EXPECT_NE(next, here);
  read_all(here);
  EXPECT_EQ(last_error, StreamError::other);
  const auto written = write(here, "to whom?");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error(), StreamError::other);
  EXPECT_EQ(streams().error(here), StreamError::other);
  EXPECT_EQ(streams().local_address(here), TransportAddress{});
  EXPECT_LT(streams().detach(here).handle, 0);
  streams().set_tag(here, 99);
  streams().remind(here);
  streams().end_writing(here);
  streams().reset_on_close(here);
  streams().close(here);
  its_client->write("still here");
  EXPECT_TRUE(hears(next, "still here"));
  EXPECT_NE(book.told_of(next).tag, 99u);
}

TEST_P(StreamLife, AListenerIsNoStream) {
  const SocketId listener = listen();
  read_all(listener);
  EXPECT_EQ(last_error, StreamError::other);
  EXPECT_FALSE(write(listener, "?"));
  streams().remind(listener);
  passes(5);
  EXPECT_TRUE(book.events.empty());
  const auto client = stranger_to(listener);
  EXPECT_TRUE(until([&] { return book.accepted.size() == 1; }));
}

TEST_P(StreamLife, WhatWaitedForADetachedStreamIsToldByTheLoopThatAdoptsIt) {
  std::unique_ptr<StreamStranger> there;
  const LooseSocket loose = detach_with("first ", there);
  EXPECT_EQ(loop->counters().streams, 0u);
  book.events.clear();
  there->write("second");
  passes(10);
  EXPECT_TRUE(book.events.empty()) << "told by the loop that gave it away";

  const auto other = new_loop();
  StreamNotebook others;
  const auto adopted = other->streams().adopt(loose, 77);
  ASSERT_TRUE(adopted);
  EXPECT_EQ(other->streams().remote_address(*adopted), there->address());
  EXPECT_EQ(other->counters().streams, 1u);
  ASSERT_TRUE(pass_until(*other, others, [&] { return others.told_of(*adopted).readable; }));
  EXPECT_EQ(others.told_of(*adopted).tag, 77u);
  std::string heard;
  ASSERT_TRUE(pass_until(*other, others, [&] {
    heard += read_all(*other, *adopted);
    return heard.size() == 12;
  }));
  EXPECT_EQ(heard, "first second");

  others.events.clear();
  there->write("third");
  EXPECT_TRUE(pass_until(*other, others, [&] { return others.told_of(*adopted).readable; }));
  const Bytes answer = bytes_of("heard you");
  ASSERT_TRUE(other->streams().write(*adopted, {&answer, 1}));
  EXPECT_TRUE(hears(*there, "heard you"));
}

TEST_P(StreamLife, ADetachedStreamThatEndedMeanwhileSaysSoWhereItIsAdopted) {
  std::unique_ptr<StreamStranger> there;
  const LooseSocket loose = detach_with("last", there);
  there->reset();
  passes(5);
  const auto adopted = streams().adopt(loose, 0);
  ASSERT_TRUE(adopted);
  ASSERT_TRUE(until([&] { return book.told_of(*adopted).failed; }));
  EXPECT_EQ(read_all(*adopted), "last");
  EXPECT_EQ(last_error, StreamError::reset);
}

TEST_P(StreamLife, AStreamDetachedInABatchIsNotToldInTheRestOfIt) {
  auto one = connection();
  auto two = connection();
  passes(10);
  LooseSocket loose;
  SocketId detached;
  book.on_event = [&](const StreamEvent& e) {
    EXPECT_FALSE(detached.is_valid() && e.socket == detached);
    if (loose.handle >= 0 || !e.socket.is_valid()) return;
    detached = e.socket == one.here ? two.here : one.here;
    loose = streams().detach(detached);
  };
  one.there->write("x");
  two.there->write("y");
  ASSERT_TRUE(until([&] { return loose.handle >= 0; }));
  passes(10);
  loop->close_loose(loose);
  auto& there = detached == one.here ? *one.there : *two.there;
  EXPECT_TRUE(until([&] { return there.was_reset() || there.has_ended(); }));
}

TEST_P(StreamLife, StreamsAndDatagramSocketsHaveIdsOfTheirOwn) {
  const SocketId relay = open("127.0.0.1:0");
  const auto [here, there] = connection();
  loop->close(here);  // of a datagram socket, if of any
  there->write("not closed");
  EXPECT_TRUE(hears(here, "not closed"));
  streams().close(relay);
  const auto peer = stranger();
  if (loop->local_address(relay) != TransportAddress{}) {
    peer->send(loop->local_address(relay), "not closed either");
    EXPECT_TRUE(until([&] { return book.received.size() == 1; }));
  }
}

TEST_P(StreamLife, TheEndOfALoopEndsItsStreams) {
  const auto [here, there] = connection();
  const SocketId listener = listen();
  const TransportAddress address = address_of(listener);
  passes(3);
  restart(small_settings());
  EXPECT_TRUE(until([&] { return there->has_ended() || there->was_reset(); }));
  StreamSpec spec;
  spec.address = address;
  EXPECT_TRUE(streams().listen(spec, 0));
}

TEST_P(StreamLife, AWaitingLoopHearsOfAStreamByItself) {
  if (!world_has().real_time) GTEST_SKIP() << "no other threads in the simulation";
  const auto [here, there] = connection();
  passes(10);
  book.events.clear();
  std::thread client([&there = *there] { there.write("knock"); });
  while (!book.told_of(here).readable) loop->run_pass(book, kNever);
  client.join();
  EXPECT_TRUE(hears(here, "knock"));
}

// The connection is over for the other side when close() returns, whatever the loop waits for.
TEST_P(StreamLife, AnEndNeedsNoFurtherPass) {
  if (!world_has().real_time) GTEST_SKIP() << "a virtual network moves in passes";
  const auto [here, there] = connection();
  passes(3);
  streams().close(here);
  const Instant give_up = loop->now().monotonic + 3s;
  while (!there->has_ended() && !is_past(give_up, loop->now())) std::this_thread::yield();
  EXPECT_TRUE(there->has_ended());
}

INSTANTIATE_TEST_SUITE_P(Worlds, StreamLife, testing::ValuesIn(all_worlds()), name_of_world);

}  // namespace
}  // namespace uturn
