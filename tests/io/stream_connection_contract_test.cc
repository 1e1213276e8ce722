// The contract of streams, beginnings: who connects to whom, and what a listener does when many
// come or nothing is left.
#include <gmock/gmock.h>
#include <sys/resource.h>

#include "tests/io/stream_harness.h"

namespace uturn {
namespace {

using testing::Each;
using testing::Le;

class StreamConnections : public StreamContract {
 protected:
  static StreamSpec spec_of(const TransportAddress& address, bool reuse = false) {
    StreamSpec spec;
    spec.address = address;
    spec.reuse_address = reuse;
    spec.reuse_port = reuse;
    return spec;
  }
  SocketId connect(const TransportAddress& to, uint64_t tag = 0) {
    const auto id = streams().connect(spec_of(at("0.0.0.0:0")), to, tag);
    CHECK(id);
    return *id;
  }
  bool is_accepted(SocketId id) const {
    return std::ranges::any_of(book.accepted, [&](const auto& a) { return a.socket == id; });
  }
};

TEST_P(StreamConnections, AnAcceptedOneSaysWhoCameWhereAndByWhichListener) {
  const SocketId one = listen("127.0.0.1:0", 11);
  const SocketId two = listen("127.0.0.2:0", 22);
  const auto client = stranger_to(two);
  ASSERT_TRUE(until([&] { return book.accepted.size() == 1; }));
  const AcceptedStream& accepted = book.accepted[0];
  EXPECT_EQ(accepted.listener_tag, 22u);
  EXPECT_EQ(accepted.from, client->address());
  EXPECT_EQ(accepted.to, address_of(two));
  EXPECT_EQ(streams().local_address(accepted.socket), address_of(two));
  EXPECT_EQ(streams().remote_address(accepted.socket), client->address());
  EXPECT_NE(address_of(one).port, 0);
  EXPECT_EQ(loop->counters().streams_accepted, 1u);
  EXPECT_EQ(loop->counters().streams, 1u) << "listeners are not connections";
}

TEST_P(StreamConnections, AWildcardListenerSaysWhichAddressWasMeant) {
  const SocketId listener = listen("0.0.0.0:0");
  const TransportAddress meant{ip("127.0.0.5"), address_of(listener).port};
  const auto client = strangers().connect("127.0.0.1", meant);
  ASSERT_TRUE(until([&] { return book.accepted.size() == 1; }));
  EXPECT_EQ(book.accepted[0].to, meant);
}

TEST_P(StreamConnections, BothEndsOfAnIpv6ConnectionMayBeOurs) {
  const SocketId listener = listen("[::1]:0");
  const auto client = streams().connect(spec_of(at("[::]:0")), address_of(listener), 0);
  ASSERT_TRUE(client);
  ASSERT_TRUE(until([&] { return book.accepted.size() == 1 && book.told_of(*client).writable; }));
  EXPECT_EQ(book.accepted[0].from, streams().local_address(*client));
  ASSERT_TRUE(write(*client, "hello"));
  EXPECT_TRUE(hears(book.accepted[0].socket, "hello"));
}

TEST_P(StreamConnections, NoEventPrecedesOnAccepted) {
  const SocketId listener = listen();
  book.on_event = [&](const StreamEvent& e) { EXPECT_TRUE(is_accepted(e.socket)); };
  std::vector<std::unique_ptr<StreamStranger>> clients;
  for (int i = 0; i < 40; ++i) {
    clients.push_back(stranger_to(listener));
    clients.back()->write("early");
    pass();
  }
  ASSERT_TRUE(until([&] { return book.accepted.size() == 40; }));
  for (const AcceptedStream& a : book.accepted) EXPECT_TRUE(hears(a.socket, "early"));
}

TEST_P(StreamConnections, AConnectionThatStandsIsTold) {
  const auto host = strangers().host("127.0.0.1");
  const SocketId id = connect(host->address(), 7);
  ASSERT_TRUE(until([&] { return book.told_of(id).writable; }));
  EXPECT_EQ(book.told_of(id).tag, 7u);
  EXPECT_FALSE(book.told_of(id).failed);
  EXPECT_EQ(streams().error(id), StreamError::would_block);
  const auto there = host->accept();
  ASSERT_TRUE(there);
  EXPECT_EQ(streams().remote_address(id), host->address());
  ASSERT_TRUE(write(id, "hello"));
  EXPECT_TRUE(hears(*there, "hello"));
  there->write("hello yourself");
  EXPECT_TRUE(hears(id, "hello yourself"));
}

TEST_P(StreamConnections, ARefusedConnectionFailsAndSaysSoWheneverAsked) {
  TransportAddress closed = strangers().host("127.0.0.1")->address();
  const auto id = streams().connect(spec_of(at("127.0.0.1:0")), closed, 0);
  if (!id) {
    EXPECT_EQ(id.error(), StreamError::refused);
    return;
  }
  ASSERT_TRUE(until([&] { return book.told_of(*id).failed; }));
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(streams().error(*id), StreamError::refused);
    read_all(*id);
    EXPECT_EQ(last_error, StreamError::refused);
    const auto written = write(*id, "anybody?");
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error(), StreamError::refused);
  }
}

TEST_P(StreamConnections, APortIsTakenOnceAndFreeAtOnceWhenItsListenerCloses) {
  const SocketId listener = listen();
  const TransportAddress address = address_of(listener);
  passes(2);
  const auto second = streams().listen(spec_of(address), 0);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error(), StreamError::address_in_use);
  streams().close(listener);
  EXPECT_TRUE(streams().listen(spec_of(address), 0));
  const auto elsewhere = streams().listen(spec_of(at("192.0.2.1:0")), 0);
  ASSERT_FALSE(elsewhere);
  EXPECT_EQ(elsewhere.error(), StreamError::address_not_available);
}

// What a TCP allocation needs (RFC 6062, Section 5.2): connections leave from the address that
// listens, and each peer can be connected to once.
TEST_P(StreamConnections, AnAddressThatListensConnectsToManyPeersAndToEachOnce) {
  const auto listener = streams().listen(spec_of(at("127.0.0.1:0"), true), 0);
  ASSERT_TRUE(listener);
  const StreamSpec from = spec_of(address_of(*listener), true);
  const auto alice = strangers().host("127.0.0.1");
  const auto bob = strangers().host("127.0.0.2");
  const auto to_alice = streams().connect(from, alice->address(), 0);
  const auto to_bob = streams().connect(from, bob->address(), 0);
  ASSERT_TRUE(to_alice);
  ASSERT_TRUE(to_bob);
  ASSERT_TRUE(
      until([&] { return book.told_of(*to_alice).writable && book.told_of(*to_bob).writable; }));
  EXPECT_EQ(streams().local_address(*to_alice), address_of(*listener));
  EXPECT_EQ(streams().local_address(*to_bob), address_of(*listener));
  const auto again = streams().connect(from, alice->address(), 0);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error(), StreamError::address_not_available);
}

TEST_P(StreamConnections, FiveHundredAreAcceptedABoundedNumberInEachPass) {
  LoopSettings settings = small_settings();
  settings.accepts_per_pass = 16;
  settings.stream_events = 32;
  restart(settings);
  const SocketId listener = listen();
  std::vector<std::unique_ptr<StreamStranger>> clients;
  for (int i = 0; i < 500; ++i) {
    clients.push_back(stranger_to(listener));
    clients.back()->write("here");
  }
  ASSERT_TRUE(until([&] { return book.accepted.size() == 500; }));
  EXPECT_THAT(book.accept_batches, Each(Le(16u)));
  const auto all_told = [&] {
    return std::ranges::all_of(book.accepted,
                               [&](const auto& a) { return book.told_of(a.socket).readable; });
  };
  EXPECT_TRUE(until(all_told));
  EXPECT_THAT(book.event_batches, Each(Le(32u)));
  EXPECT_EQ(loop->counters().streams, 500u);
  for (const AcceptedStream& a : book.accepted) {
    EXPECT_EQ(read_all(a.socket), "here");
    streams().close(a.socket);
  }
  EXPECT_EQ(loop->counters().streams, 0u);
}

TEST_P(StreamConnections, AListenerThatManyWantKeepsNoOtherFromAccepting) {
  LoopSettings settings = small_settings();
  settings.accepts_per_pass = 8;
  restart(settings);
  const SocketId popular = listen("127.0.0.1:0", 1);
  const SocketId quiet = listen("127.0.0.1:0", 2);
  std::vector<std::unique_ptr<StreamStranger>> clients;
  for (int i = 0; i < 200; ++i) clients.push_back(stranger_to(popular));
  ASSERT_TRUE(until([&] { return book.accepted.size() >= 8; }));
  const auto client = stranger_to(quiet);
  const auto quiet_came = [&] { return book.accepted.back().listener_tag == 2; };
  const auto anywhere = [&] {
    return quiet_came() || std::ranges::any_of(book.accepted, [](const AcceptedStream& a) {
             return a.listener_tag == 2;
           });
  };
  ASSERT_TRUE(until(anywhere));
  EXPECT_LT(book.accepted.size(), 100u);
}

TEST_P(StreamConnections, WhoComesDuringAPauseIsAcceptedAfterIt) {
  const SocketId listener = listen();
  streams().pause_accepting(listener);
  const auto client = stranger_to(listener);
  passes(20);
  EXPECT_TRUE(book.accepted.empty());
  streams().resume_accepting(listener);
  EXPECT_TRUE(until([&] { return book.accepted.size() == 1; }));
}

TEST_P(StreamConnections, WithAFullTableTheyWaitUntilOneCloses) {
  LoopSettings settings = small_settings();
  settings.max_streams = 3;
  restart(settings);
  const SocketId listener = listen();
  const auto one = stranger_to(listener);
  const auto two = stranger_to(listener);
  const auto three = stranger_to(listener);
  ASSERT_TRUE(until([&] { return loop->counters().streams_refused > 0; }));
  ASSERT_EQ(book.accepted.size(), 2u);
  const auto full = streams().connect(spec_of(at("0.0.0.0:0")), address_of(listener), 0);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error(), StreamError::no_descriptors);
  streams().close(book.accepted[0].socket);
  ASSERT_TRUE(until([&] { return book.accepted.size() == 3; }));
  three->write("patience");
  EXPECT_TRUE(hears(book.accepted[2].socket, "patience"));
}

TEST_P(StreamConnections, WithoutDescriptorsLeftTheyWaitAndTheLoopDoesNotSpin) {
  if (!world_has().descriptors) GTEST_SKIP() << "a simulated socket takes no descriptor";
  const SocketId listener = listen();
  const auto client = stranger_to(listener);
  client->write("hello");
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit none_left{3, limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none_left), 0);
  const Instant began = loop->now().monotonic;
  const bool was_refused = until([&] { return loop->counters().streams_refused > 0; });
  passes(200);
  const auto tries = static_cast<uint64_t>((loop->now().monotonic - began) / 100ms) + 1;
  const uint64_t refused = loop->counters().streams_refused;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_TRUE(was_refused);
  EXPECT_LE(refused, tries);
  EXPECT_TRUE(book.accepted.empty());
  ASSERT_TRUE(until([&] { return book.accepted.size() == 1; }));
  EXPECT_TRUE(hears(book.accepted[0].socket, "hello"));
}

INSTANTIATE_TEST_SUITE_P(Worlds, StreamConnections, testing::ValuesIn(all_worlds()), name_of_world);

}  // namespace
}  // namespace uturn
