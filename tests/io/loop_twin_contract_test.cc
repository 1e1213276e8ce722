// The loop contract, busy peers: a twin makes sends cheaper, and nobody can tell.
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/busy_peers.h"
#include "io/control_messages.h"
#include "tests/io/loop_harness.h"

namespace uturn {
namespace {

using testing::Each;
using testing::ElementsAre;

class LoopTwins : public LoopContract {
 protected:
  void SetUp() override {
    LoopContract::SetUp();
    if (IsSkipped()) return;
    if (!world_has().segmentation) GTEST_SKIP() << "connected sockets are the kernel's";
  }
  /// One datagram a pass, so that whoever answers is heard between them.
  void keep_busy(SocketId relay, Stranger& peer, int times = BusyPeers::kBusy, IpFields ip = {}) {
    for (int i = 0; i < times; ++i) {
      send(relay, peer.address(), "media", ip);
      pass();
      const auto heard = peer.hear();
      ASSERT_TRUE(heard);
      ASSERT_EQ(heard->bytes, "media");
      ASSERT_EQ(heard->from, address_of(relay));
    }
  }
};

TEST_P(LoopTwins, ABusyPeerIsSentToFromTheSameAddressWithTheSameFields) {
  for (const std::string_view ip : {"127.0.0.1", "::1"}) {
    const SocketId relay = open(ip == "::1" ? "[::1]:0" : "127.0.0.1:0", 5);
    const auto peer = stranger(ip);
    const uint64_t connected = loop->counters().peers_connected;
    keep_busy(relay, *peer, 2 * BusyPeers::kBusy, {46, 1, 33, false, {}});
    EXPECT_EQ(loop->counters().peers_connected, connected + 1);
    send(relay, peer->address(), "by the twin", {46, 1, 33, false, {}});
    send(relay, peer->address(), "not by it", {10, 2, 77, false, {}});
    pass();
    for (const auto& [text, dscp, ecn, ttl] :
         {std::tuple{"by the twin", 46, 1, 33}, std::tuple{"not by it", 10, 2, 77}}) {
      const auto heard = peer->hear();
      ASSERT_TRUE(heard);
      EXPECT_EQ(heard->bytes, text);
      EXPECT_EQ(heard->from, address_of(relay));
      EXPECT_EQ(heard->dscp, dscp);
      EXPECT_EQ(heard->ecn, ecn);
      EXPECT_EQ(heard->ttl, ttl);
    }
  }
  EXPECT_EQ(loop->counters().twins, 2u);
}

TEST_P(LoopTwins, NothingThatAnybodySendsIsLostWhileATwinComesIntoBeing) {
  const SocketId relay = open("127.0.0.1:0", 9);
  const auto busy = stranger();
  const auto same_host = stranger();
  const auto elsewhere = stranger("127.0.0.2");
  constexpr size_t kRounds = 3 * BusyPeers::kBusy;
  for (size_t i = 0; i < kRounds; ++i) {
    send(relay, busy->address(), "media");
    busy->send(address_of(relay), "a" + std::to_string(i));
    same_host->send(address_of(relay), "b" + std::to_string(i));
    elsewhere->send(address_of(relay), "c" + std::to_string(i));
    pass();
  }
  ASSERT_TRUE(receive(3 * kRounds));
  settle();
  EXPECT_EQ(notebook.received.size(), 3 * kRounds);
  EXPECT_EQ(loop->counters().twins, 1u);
  std::map<TransportAddress, size_t> of;
  for (const Received& r : notebook.received) {
    EXPECT_EQ(r.socket, relay) << "a twin has no name of its own";
    EXPECT_EQ(r.tag, 9u);
    EXPECT_EQ(r.to, address_of(relay).ip);
    ++of[r.from];
  }
  EXPECT_EQ(of[busy->address()], kRounds);
  EXPECT_EQ(of[same_host->address()], kRounds);
  EXPECT_EQ(of[elsewhere->address()], kRounds);
}

TEST_P(LoopTwins, TheNextBusyPeerTakesTheTwinOverAndTheFormerIsStillHeard) {
  const SocketId relay = open("127.0.0.1:0");
  const auto first = stranger();
  const auto second = stranger();
  keep_busy(relay, *first);
  first->send(address_of(relay), "queued at the twin");
  keep_busy(relay, *second, 3 * BusyPeers::kBusy);
  EXPECT_EQ(loop->counters().peers_connected, 2u);
  EXPECT_EQ(loop->counters().twins, 1u);
  first->send(address_of(relay), "first");
  second->send(address_of(relay), "second");
  ASSERT_TRUE(receive(3));
  EXPECT_THAT(notebook.texts(),
              testing::UnorderedElementsAre("queued at the twin", "first", "second"));
}

TEST_P(LoopTwins, ABusyPeerThatDiesIsToldAndCostsTheOthersNothing) {
  const SocketId relay = open("127.0.0.1:0", 21);
  auto busy = stranger();
  const TransportAddress busy_address = busy->address();
  const auto other = stranger();
  keep_busy(relay, *busy);
  busy.reset();
  for (unsigned i = 0; i < 20; ++i) {
    send(relay, busy_address, "still there?");
    send(relay, other->address(), pattern(100, i));
    other->send(address_of(relay), "hello");
    pass();
    const auto heard = other->hear();
    ASSERT_TRUE(heard);
    EXPECT_EQ(heard->bytes, pattern(100, i));
  }
  ASSERT_TRUE(receive(20));
  ASSERT_TRUE(pass_until([&] { return !notebook.errors.empty(); }));
  for (const IcmpError& error : notebook.errors) {
    EXPECT_EQ(error.socket, relay);
    EXPECT_EQ(error.tag, 21u);
    EXPECT_EQ(error.destination, busy_address);
  }
  EXPECT_EQ(loop->counters().send_error_drops, 0u);
}

TEST_P(LoopTwins, ClosingTheRelaySocketClosesItsTwinAndFreesThePort) {
  const SocketId relay = open("127.0.0.1:0");
  const TransportAddress address = address_of(relay);
  const auto peer = stranger();
  keep_busy(relay, *peer);
  ASSERT_EQ(loop->counters().twins, 1u);
  peer->send(address, "nobody is to be told");
  loop->close(relay);
  EXPECT_EQ(loop->counters().twins, 0u);
  settle();
  EXPECT_TRUE(notebook.received.empty());
  const SocketId next = open(address.to_string(), 2);  // fails the test where it cannot
  peer->send(address, "to the next life");
  ASSERT_TRUE(receive(1));
  EXPECT_EQ(notebook.received[0].socket, next);
}

TEST_P(LoopTwins, ClosingInTheMiddleOfABatchDeliversNothingOfTheTwinEither) {
  const SocketId relay = open("127.0.0.1:0");
  const auto peer = stranger();
  const auto other = stranger();
  keep_busy(relay, *peer);
  notebook.received.clear();
  notebook.on_datagram = [&](ReceivedDatagram& datagram) {
    if (datagram.socket.is_valid()) loop->close(datagram.socket);
  };
  for (int i = 0; i < 5; ++i) {
    peer->send(address_of(relay), "by the twin");
    other->send(address_of(relay), "by the relay socket");
  }
  settle();
  size_t valid = 0;
  for (const Received& r : notebook.received) valid += r.socket.is_valid();
  EXPECT_LE(valid, 1u);
}

TEST_P(LoopTwins, NobodyElseCanJoinThePort) {
  const SocketId relay = open("127.0.0.1:0");
  const auto peer = stranger();
  keep_busy(relay, *peer);
  ASSERT_EQ(loop->counters().twins, 1u);
  const int thief = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const int yes = 1;
  ::setsockopt(thief, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  ::setsockopt(thief, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof yes);
  SocketName name;
  const socklen_t size = write_name(address_of(relay), name);
  EXPECT_NE(::bind(thief, &name.any, size), 0);
  EXPECT_EQ(errno, EADDRINUSE);
  ::close(thief);
}

TEST_P(LoopTwins, TwinsAreLimited) {
  LoopSettings settings = small_settings();
  settings.twins = 1;
  restart(settings);
  const SocketId first = open("127.0.0.1:0");
  const SocketId second = open("127.0.0.1:0");
  const auto peer = stranger();
  keep_busy(first, *peer);
  keep_busy(second, *peer, 2 * BusyPeers::kBusy);
  EXPECT_EQ(loop->counters().twins, 1u);
}

TEST_P(LoopTwins, ARunToABusyPeerIsOneSend) {
  const SocketId relay = open("127.0.0.1:0");
  const auto peer = stranger();
  keep_busy(relay, *peer);
  const uint64_t before = loop->counters().gso_sends;
  for (int i = 0; i < 8; ++i) send(relay, peer->address(), "equal length");
  pass();
  EXPECT_EQ(loop->counters().gso_sends, before + 1);
  for (int i = 0; i < 8; ++i) {
    const auto heard = peer->hear();
    ASSERT_TRUE(heard);
    EXPECT_EQ(heard->bytes, "equal length");
    EXPECT_EQ(heard->from, address_of(relay));
  }
}

TEST_P(LoopTwins, BurstsToARelaySocketComeAsTrainsBeforeLongAndNothingIsLost) {
  const SocketId relay = open("127.0.0.1:0", 4);
  const auto peer = stranger();
  std::string frame;
  for (unsigned i = 0; i < 8; ++i) frame += pattern(1'200, i);
  for (size_t round = 1; round <= 10; ++round) {
    peer->send_train(address_of(relay), frame, 1'200);
    ASSERT_TRUE(receive(8 * round));
  }
  EXPECT_GT(loop->counters().gro_trains, 0u);
  EXPECT_EQ(loop->counters().truncated_drops, 0u);
  for (size_t i = 0; i < notebook.received.size(); ++i) {
    EXPECT_EQ(notebook.received[i].bytes, pattern(1'200, i % 8)) << i;
    EXPECT_EQ(notebook.received[i].socket, relay);
  }
}

INSTANTIATE_TEST_SUITE_P(Worlds, LoopTwins, testing::ValuesIn(all_worlds()), name_of_world);

}  // namespace
}  // namespace uturn
