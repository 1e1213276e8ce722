// The loop contract, waiting: what ends it, what does not, and what a pass may cost.
#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "tests/io/allocation_counter.h"
#include "tests/io/loop_harness.h"

namespace uturn {
namespace {

using testing::ElementsAre;

class LoopWaiting : public LoopContract {};

TEST_P(LoopWaiting, WakeFromAnotherThreadEndsTheWaiting) {
  if (!world_has().real_time) GTEST_SKIP() << "one thread has all of the simulation";
  std::atomic<bool> waiting = false;
  std::thread other([&] {
    while (!waiting.load()) std::this_thread::yield();
    loop->wake();
  });
  const Instant before = loop->now().monotonic;
  waiting.store(true);
  while (notebook.wakes == 0) loop->run_pass(notebook, before + 60s);
  other.join();
  EXPECT_LT(loop->now().monotonic - before, 30s);
}

TEST_P(LoopWaiting, ManyWakesFoldIntoOneAndNoneIsLost) {
  for (int round = 1; round <= 3; ++round) {
    for (int i = 0; i < 100; ++i) loop->wake();
    ASSERT_TRUE(pass_until([&] { return notebook.wakes == round; }));
    settle();
    EXPECT_EQ(notebook.wakes, round);
  }
}

TEST_P(LoopWaiting, AWakeFromWithinThePassCausesAnother) {
  const SocketId relay = open("127.0.0.1:0");
  notebook.on_datagram = [&](ReceivedDatagram&) { loop->wake(); };
  stranger()->send(address_of(relay), "wake yourself");
  ASSERT_TRUE(pass_until([&] { return notebook.wakes == 1; }));
}

TEST_P(LoopWaiting, AnIdlePassLastsUntilItsTime) {
  open("127.0.0.1:0");
  const Instant end = loop->now().monotonic + 50ms;
  int passes = 0;
  for (; !is_past(end, loop->now()); ++passes) loop->run_pass(notebook, end);
  EXPECT_LE(passes, 100) << "the loop does not sleep";
  EXPECT_LT(loop->now().monotonic, end + 5s);
  EXPECT_EQ(loop->counters().passes, static_cast<uint64_t>(passes));
}

TEST_P(LoopWaiting, AfterEmptyDatagramsAndExhaustedBuffersTheLoopSleepsAgain) {
  LoopSettings settings = small_settings();
  settings.small_buffers = 4;
  restart(settings);
  const SocketId relay = open("127.0.0.1:0");
  const auto peer = stranger();
  for (int i = 0; i < 40; ++i) peer->send(address_of(relay), i % 3 ? "x" : "");
  ASSERT_TRUE(receive(40));
  settle();
  const Instant end = loop->now().monotonic + 100ms;
  int passes = 0;
  for (; !is_past(end, loop->now()); ++passes) loop->run_pass(notebook, end);
  EXPECT_LE(passes, 100) << "a loop that does not sleep makes thousands";
}

TEST_P(LoopWaiting, APassWhoseTimeHasComeDoesNotWait) {
  const Instant before = loop->now().monotonic;
  for (int i = 0; i < 100; ++i) loop->run_pass(notebook, before - 1s);
  loop->run_pass(notebook, Instant{});
  EXPECT_LT(loop->now().monotonic - before, 5s);
}

TEST_P(LoopWaiting, ADatagramEndsTheWaitingThatHasNoEnd) {
  const SocketId relay = open("127.0.0.1:0");
  stranger()->send(address_of(relay), "wake up");
  while (notebook.received.empty()) loop->run_pass(notebook, kNever);
  EXPECT_THAT(notebook.texts(), ElementsAre("wake up"));
}

TEST_P(LoopWaiting, TheCalendarIsCarriedOnByTheMonotonicClock) {
  if (!world_has().real_time) GTEST_SKIP() << "the simulation's calendar is its own";
  const Now first = loop->now();
  const auto system = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  EXPECT_LE(std::chrono::abs(first.calendar - system), 2s);
  EXPECT_LE(first.monotonic, loop->now().monotonic);
}

TEST_P(LoopWaiting, APassAllocatesNothing) {
  if (!world_has().no_allocation) GTEST_SKIP() << "the simulation gives each datagram a buffer";
  const SocketId listener = open_listener("0.0.0.0:0");
  const SocketId relay = open("127.0.0.1:0");
  const TransportAddress server{ip("127.0.0.1"), address_of(listener).port};
  const TransportAddress nobody = stranger()->address();
  const auto client = stranger();

  struct Relaying : LoopHandler {
    void on_datagrams(std::span<ReceivedDatagram> batch) override {
      for (ReceivedDatagram& d : batch) {
        ++count;
        IpFields fields;
        fields.source = d.to;
        loop->send({d.socket, d.from, d.packet.header(4), d.packet.bytes(), fields});
        const MutableBytes answer = loop->lend(100);
        loop->send({relay, nobody, {}, answer, {}});
      }
    }
    void on_icmp_error(const IcmpError&) override { ++count; }
    void on_wake() override {}
    Loop* loop = nullptr;
    SocketId relay;
    TransportAddress nobody;
    size_t count = 0;
  } relaying;
  relaying.loop = loop.get();
  relaying.relay = relay;
  relaying.nobody = nobody;

  const std::string train = pattern(20 * 300, 0);
  const auto talk = [&] {
    client->send_train(server, train, 300);
    client->send(server, "");
    client->send(address_of(relay), "a datagram");
    loop->wake();
    for (int i = 0; i < 10; ++i) pass(*loop, relaying);
  };
  talk();  // whatever is made once is made now
  relaying.count = 0;
  const AllocationCounter allocations;
  talk();
  EXPECT_EQ(allocations.count(), 0u);
  EXPECT_GT(relaying.count, 22u) << "nothing was relayed";
}

INSTANTIATE_TEST_SUITE_P(Worlds, LoopWaiting, testing::ValuesIn(all_worlds()), name_of_world);

}  // namespace
}  // namespace uturn
