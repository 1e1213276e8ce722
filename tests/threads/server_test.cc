// A running server and its clients, on both loops and with one and several shards.
#include "server/server.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <map>
#include <thread>
#include <vector>

#include "client/tools/client_socket.h"
#include "tests/threads/blocking_client.h"
#include "tests/threads/running_server.h"

namespace uturn {
namespace {

using testing::HasSubstr;

struct Shape {
  IoWish io;
  uint32_t workers;
};

class ServerTest : public testing::TestWithParam<Shape> {
 protected:
  void SetUp() override {
    if (const auto choice = choose_io(GetParam().io); !choice) GTEST_SKIP() << choice.error();
  }
  static Config config() { return loopback_config(GetParam().io, GetParam().workers); }
};

INSTANTIATE_TEST_SUITE_P(BothLoops, ServerTest,
                         testing::Values(Shape{IoWish::epoll, 1}, Shape{IoWish::epoll, 4},
                                         Shape{IoWish::uring, 1}, Shape{IoWish::uring, 4}),
                         [](const auto& info) {
                           return std::string{info.param.io == IoWish::epoll ? "Epoll" : "Uring"} +
                                  std::to_string(info.param.workers);
                         });

/// Both ways between a client and a peer, by indication and by channel.
void expect_conversation(BlockingClient& client, const RelayedAddress& relayed) {
  UdpEnd peer;
  ASSERT_TRUE(client.permit(peer.address()));
  ASSERT_TRUE(client.send(peer.address(), "by indication"));
  auto arrived = peer.receive();
  ASSERT_TRUE(arrived);
  EXPECT_EQ(arrived->text(), "by indication");
  EXPECT_EQ(arrived->from, relayed);
  peer.send(relayed, "heard");
  auto answer = client.receive();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->text, "heard");
  EXPECT_EQ(answer->peer, peer.address());
  EXPECT_FALSE(answer->by_channel);

  ASSERT_TRUE(client.bind_channel(peer.address()));
  ASSERT_TRUE(client.send(peer.address(), "by channel"));
  arrived = peer.receive();
  ASSERT_TRUE(arrived);
  EXPECT_EQ(arrived->text(), "by channel");
  peer.send(relayed, "heard again");
  answer = client.receive();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->text, "heard again");
  EXPECT_TRUE(answer->by_channel);
}

TEST_P(ServerTest, RelaysBothWaysByIndicationAndByChannel) {
  RunningServer server(config());
  ASSERT_TRUE(server.is_running()) << server.problem();
  BlockingClient alice(server.address());
  const auto allocated = alice.allocate();
  ASSERT_TRUE(allocated) << alice.error_code();
  expect_conversation(alice, allocated->relayed[0]);
  EXPECT_TRUE(alice.release());

  server.stop();
  EXPECT_EQ(server.counters().to_peers, 2U);
  EXPECT_EQ(server.counters().to_clients, 2U);
  EXPECT_EQ(server.counters().allocations_deleted, 1U);
}

/// Each client talks with the next one, whose relayed address is its peer: by indication one way,
/// by channel the other. Returns how many datagrams that were.
uint64_t talk_in_a_ring(const RunningServer& server) {
  constexpr size_t kClients = 12;
  std::vector<std::unique_ptr<BlockingClient>> clients;
  std::vector<TransportAddress> relayed;
  for (size_t i = 0; i < kClients; ++i) {
    clients.push_back(std::make_unique<BlockingClient>(server.address()));
    const auto allocated = clients.back()->allocate();
    EXPECT_TRUE(allocated) << clients.back()->error_code();
    if (!allocated) return 0;
    relayed.push_back(allocated->relayed[0]);
  }
  uint64_t datagrams = 0;
  for (size_t i = 0; i < kClients; ++i) {
    BlockingClient& left = *clients[i];
    const size_t next = (i + 1) % kClients;
    BlockingClient& right = *clients[next];
    EXPECT_TRUE(left.permit(relayed[next]));
    EXPECT_TRUE(right.bind_channel(relayed[i]));
    EXPECT_TRUE(left.send(relayed[next], "to the right"));
    const auto heard = right.receive();
    EXPECT_TRUE(heard && heard->text == "to the right" && heard->peer == relayed[i]);
    EXPECT_TRUE(right.send(relayed[i], "to the left"));
    const auto answer = left.receive();
    EXPECT_TRUE(answer && answer->text == "to the left" && answer->peer == relayed[next]);
    datagrams += 2;
  }
  return datagrams;
}

TEST_P(ServerTest, RelaysBetweenItsOwnClientsPastTheKernel) {
  RunningServer server(config());
  ASSERT_TRUE(server.is_running()) << server.problem();
  const uint64_t datagrams = talk_in_a_ring(server);
  server.stop();
  const RelayCounters& counters = server.counters();
  EXPECT_EQ(counters.to_peers, datagrams);
  EXPECT_EQ(counters.to_clients, datagrams);
  EXPECT_EQ(counters.shortcuts_in, datagrams) << "some went through the kernel";
  EXPECT_EQ(counters.shortcuts_here + counters.shortcuts_away, datagrams);
  if (GetParam().workers == 1) {
    EXPECT_EQ(counters.shortcuts_away, 0U);
  }
}

TEST_P(ServerTest, RelaysBetweenItsOwnClientsThroughTheKernelWhereTheOperatorWantsIt) {
  Config with_kernel = config();
  with_kernel.relay.shortcut = false;
  RunningServer server(with_kernel);
  ASSERT_TRUE(server.is_running()) << server.problem();
  const uint64_t datagrams = talk_in_a_ring(server);
  server.stop();
  EXPECT_EQ(server.counters().to_clients, datagrams);
  EXPECT_EQ(server.counters().shortcuts_in, 0U);
}

TEST_P(ServerTest, AWrongPasswordAllocatesNothing) {
  RunningServer server(config());
  ASSERT_TRUE(server.is_running()) << server.problem();
  BlockingClient mallory(server.address(), "127.0.0.1", {"alice", "guessed"});
  EXPECT_FALSE(mallory.allocate());
  EXPECT_EQ(mallory.error_code(), 401);
  server.stop();
  EXPECT_EQ(server.counters().allocations_made, 0U);
}

TEST_P(ServerTest, ManyClientsAreServedAtOnce) {
  constexpr uint64_t kThreads = 4;
  constexpr uint64_t kClients = 12;
  RunningServer server(config());
  ASSERT_TRUE(server.is_running()) << server.problem();
  std::vector<std::thread> crowd;
  for (uint64_t thread = 0; thread < kThreads; ++thread) {
    crowd.emplace_back([&server] {
      std::vector<std::unique_ptr<BlockingClient>> clients;
      for (uint64_t i = 0; i < kClients; ++i) {
        clients.push_back(std::make_unique<BlockingClient>(server.address()));
        const auto allocated = clients.back()->allocate();
        ASSERT_TRUE(allocated) << clients.back()->error_code();
        expect_conversation(*clients.back(), allocated->relayed[0]);
      }
      for (auto& client : clients) EXPECT_TRUE(client->release());
    });
  }
  for (std::thread& thread : crowd) thread.join();

  server.stop();
  const RelayCounters& counters = server.counters();
  EXPECT_EQ(counters.allocations_made, kThreads * kClients);
  EXPECT_EQ(counters.allocations_deleted, kThreads * kClients);
  EXPECT_EQ(counters.to_peers, 2 * kThreads * kClients);
  EXPECT_EQ(counters.to_clients, 2 * kThreads * kClients);
}

AllocationRequest reserving() { return {.relayed = OneRelayedAddress{std::nullopt, true, true}}; }

// The kernel chooses a five-tuple's shard. A client learns its own from a token of its own, whose
// first byte names the shard that made it, so that both cases are met for certain.
TEST_P(ServerTest, ATokenIsRedeemedOnItsOwnShardAndOnEveryOther) {
  RunningServer server(config());
  ASSERT_TRUE(server.is_running()) << server.problem();
  const bool has_others = GetParam().workers > 1;
  std::map<bool, uint64_t> redeemed;  // by whether it crossed shards
  for (int round = 0; round < 200 && (redeemed[false] == 0 || (has_others && redeemed[true] < 4));
       ++round) {
    BlockingClient alice(server.address());
    const auto even = alice.allocate(reserving());
    ASSERT_TRUE(even && even->reservation_token) << alice.error_code();

    BlockingClient other(server.address());
    const auto own = other.allocate(reserving());
    ASSERT_TRUE(own && own->reservation_token) << other.error_code();
    ASSERT_TRUE(other.release());
    const auto next = other.allocate({.relayed = ReservedRelayedAddress{*even->reservation_token}});
    ASSERT_TRUE(next) << other.error_code();
    EXPECT_EQ(next->relayed[0].ip, even->relayed[0].ip);
    EXPECT_EQ(next->relayed[0].port, even->relayed[0].port + 1);
    expect_conversation(other, next->relayed[0]);
    ++redeemed[ReservationTable::shard_of(*even->reservation_token) !=
               ReservationTable::shard_of(*own->reservation_token)];

    // A token is good once.
    BlockingClient late(server.address());
    EXPECT_FALSE(late.allocate({.relayed = ReservedRelayedAddress{*even->reservation_token}}));
    EXPECT_EQ(late.error_code(), 508);
  }
  EXPECT_GT(redeemed[false], 0U);
  EXPECT_EQ(redeemed[true] >= 4, has_others);

  server.stop();
  EXPECT_EQ(server.counters().reservations_redeemed, redeemed[false] + redeemed[true]);
  EXPECT_GE(server.counters().resumed_answers, redeemed[true]);
}

TEST_P(ServerTest, StopsWithinASecondWithAllocationsOpenAndTrafficRunning) {
  // An address that no other test uses: the port shall be free because we left it.
  const auto pid = static_cast<uint32_t>(::getpid());
  Config own = config();
  own.listeners[0].address.ip = IpAddress::v4(
      std::array<uint8_t, 4>{127, static_cast<uint8_t>(1 + pid / 65'536),
                             static_cast<uint8_t>(pid / 256), static_cast<uint8_t>(pid)});
  const size_t descriptors = count_descriptors();
  std::optional<TransportAddress> address;
  {
    RunningServer server(own);
    ASSERT_TRUE(server.is_running()) << server.problem();
    address = server.address();
    UdpEnd peer;
    std::vector<std::unique_ptr<BlockingClient>> clients;
    for (int i = 0; i < 30; ++i) {
      clients.push_back(std::make_unique<BlockingClient>(server.address()));
      ASSERT_TRUE(clients.back()->allocate(reserving()));
      ASSERT_TRUE(clients.back()->bind_channel(peer.address()));
    }
    std::atomic<bool> done = false;
    std::thread traffic([&] {
      while (!done) {
        for (auto& client : clients) client->send(peer.address(), "endless");
      }
    });
    ASSERT_TRUE(peer.receive());

    const Instant before = read_clocks().monotonic;
    server.stop();
    const Duration took = read_clocks().monotonic - before;
    done = true;
    traffic.join();
    EXPECT_LT(took, 1s);
    EXPECT_EQ(server.counters().allocations_made, 30U);
  }
  EXPECT_EQ(count_descriptors(), descriptors);

  // The port is free at once.
  Config again = own;
  again.listeners[0].address = *address;
  const RunningServer second(again);
  EXPECT_TRUE(second.is_running()) << second.problem();
}

TEST_P(ServerTest, ASecondServerOnThePortIsRefusedAndLeavesNothing) {
  RunningServer first(config());
  ASSERT_TRUE(first.is_running()) << first.problem();
  const size_t descriptors = count_descriptors();
  {
    Config other = config();
    other.listeners.push_back({Transport::udp, first.address()});
    const RunningServer second(other);
    ASSERT_FALSE(second.is_running());
    EXPECT_EQ(second.problem(), "udp://" + first.address().to_string() + ": address in use");
  }
  EXPECT_EQ(count_descriptors(), descriptors);
  BlockingClient alice(first.address());
  EXPECT_TRUE(alice.allocate());
}

// An address may come late; whoever waits for it can be stopped.
TEST_P(ServerTest, AnAddressThatIsNotThereIsWaitedForUntilASignal) {
  const size_t descriptors = count_descriptors();
  Config config = ServerTest::config();
  config.listeners.push_back(*ListenerUri::parse("udp://192.0.2.1:0"));
  {
    const auto signals = Signals::block();
    ASSERT_TRUE(signals);
    ::raise(SIGTERM);
    const RunningServer server(config);
    ASSERT_FALSE(server.is_running());
    EXPECT_THAT(server.problem(), HasSubstr("stopped while waiting"));
  }
  EXPECT_EQ(count_descriptors(), descriptors);
}

TEST_P(ServerTest, AVirtualAddressMayComeLater) {
  Config config = ServerTest::config();
  config.server.freebind = true;
  config.listeners.push_back(*ListenerUri::parse("udp://192.0.2.1:0"));
  const RunningServer server(config);
  ASSERT_TRUE(server.is_running()) << server.problem();
  BlockingClient alice(server.address());
  EXPECT_TRUE(alice.allocate());
}

// BlockingClient hears only the address it asked.
TEST_P(ServerTest, AnswersLeaveFromTheAddressThatWasAsked) {
  Config config = ServerTest::config();
  config.listeners = {*ListenerUri::parse("udp://0.0.0.0:0")};
  RunningServer server(config);
  ASSERT_TRUE(server.is_running()) << server.problem();
  for (const char* asked : {"127.0.0.1", "127.0.0.2", "127.1.2.3", "127.255.255.254"}) {
    const TransportAddress address{*IpAddress::parse(asked), server.address().port, 0};
    BlockingClient alice(address, "127.0.0.9");
    const auto allocated = alice.allocate();
    ASSERT_TRUE(allocated) << asked;
    expect_conversation(alice, allocated->relayed[0]);
  }
}

// The server address is part of the five-tuple (RFC 8656, Section 3).
TEST_P(ServerTest, OneClientPortHasAnAllocationAtEachAddressOfTheServer) {
  Config config = ServerTest::config();
  config.listeners = {*ListenerUri::parse("udp://127.0.0.1:0"),
                      *ListenerUri::parse("udp://127.0.0.2:0")};
  RunningServer server(config);
  ASSERT_TRUE(server.is_running()) << server.problem();
  for (size_t listener : {0, 1}) {
    BlockingClient alice(server.address(listener));
    const auto allocated = alice.allocate();
    ASSERT_TRUE(allocated);
    expect_conversation(alice, allocated->relayed[0]);
  }
}

TEST_P(ServerTest, ALimitOfTheProcessCountsAllShards) {
  Config config = ServerTest::config();
  config.limits.allocations_per_user = 5;
  RunningServer server(config);
  ASSERT_TRUE(server.is_running()) << server.problem();
  std::vector<std::unique_ptr<BlockingClient>> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(std::make_unique<BlockingClient>(server.address()));
    const bool fits = i < 5;
    EXPECT_EQ(clients.back()->allocate().has_value(), fits);
    EXPECT_EQ(clients.back()->error_code(), fits ? 0 : 486);
  }
  EXPECT_TRUE(clients.front()->release());
  EXPECT_TRUE(clients.back()->allocate()) << "what was released is anybody's";
}

}  // namespace
}  // namespace uturn
