// The loop contract, gathering and spinning: what changes how a loop waits loses, delays and
// starves nothing.
#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "tests/io/loop_harness.h"

namespace uturn {
namespace {

constexpr const char* kSleepsUntilEvents = "virtual time goes from event to event";

class LoopBatching : public LoopContract {
 protected:
  void SetUp() override {
    LoopContract::SetUp();
    if (!IsSkipped()) restart_with(1s, 0s);
  }
  void restart_with(Duration batch_wait, Duration busy_poll) {
    LoopSettings settings = small_settings();
    settings.batch_wait = batch_wait;
    settings.busy_poll = busy_poll;
    restart(settings);
    relay_ = open("127.0.0.1:0");
    peer_ = stranger();
  }
  /// A burst, received. Far fewer than a batch, or the loop would be told that it is saturated.
  bool burst() {
    for (int i = 0; i < 32; ++i) peer_->send(address_of(relay_), std::to_string(sent_++));
    return receive(sent_);
  }
  /// Bursts until a wait lets datagrams gather. This thread makes them and is not to look busy: so
  /// there is time between them, less than would be a pause.
  bool load() {
    for (int i = 0; i < 3'000 && loop->counters().batched_waits == 0; ++i) {
      if (!burst()) return false;
      idle_for(1500us);
    }
    return loop->counters().batched_waits > 0;
  }
  /// Passes of nothing but waiting; says how many.
  int idle_for(Duration time) {
    const Instant end = loop->now().monotonic + time;
    int passes = 0;
    for (; !is_past(end, loop->now()); ++passes) loop->run_pass(notebook, end);
    return passes;
  }

  SocketId relay_;
  std::unique_ptr<Stranger> peer_;
  size_t sent_ = 0;
};

TEST_P(LoopBatching, NothingIsLostNorTurnedRound) {
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(burst());
  ASSERT_EQ(notebook.received.size(), sent_);
  for (size_t i = 0; i < sent_; ++i) ASSERT_EQ(notebook.received[i].bytes, std::to_string(i));
}

TEST_P(LoopBatching, UnderLoadItGathers) {
  if (!world_has().real_time) GTEST_SKIP() << kSleepsUntilEvents;
  EXPECT_TRUE(load());
}

TEST_P(LoopBatching, WithoutTheSettingItNeverDoes) {
  restart_with(0s, 0s);
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(burst());
  EXPECT_EQ(loop->counters().batched_waits, 0u);
}

TEST_P(LoopBatching, WhoeverSpeaksIntoSilenceIsHeardAtOnce) {
  for (int i = 0; i < 10; ++i) {
    idle_for(5ms);
    peer_->send(address_of(relay_), std::to_string(sent_++));
    ASSERT_TRUE(receive(sent_));
  }
  EXPECT_EQ(loop->counters().batched_waits, 0u);
}

TEST_P(LoopBatching, TheFirstAfterTheLoadIsHeardAndEndsAWaitWithoutEnd) {
  if (!world_has().real_time) GTEST_SKIP() << kSleepsUntilEvents;
  ASSERT_TRUE(load());
  peer_->send(address_of(relay_), "one alone");
  while (notebook.received.size() == sent_) loop->run_pass(notebook, kNever);
  EXPECT_EQ(notebook.received.back().bytes, "one alone");
}

TEST_P(LoopBatching, AfterTheLoadTheLoopSleepsUntilItsTime) {
  if (!world_has().real_time) GTEST_SKIP() << kSleepsUntilEvents;
  ASSERT_TRUE(load());
  const Instant before = loop->now().monotonic;
  EXPECT_LE(idle_for(50ms), 100) << "the loop does not sleep";
  EXPECT_LT(loop->now().monotonic - before, 5s);
}

TEST_P(LoopBatching, APassWhoseTimeHasComeDoesNotGather) {
  if (!world_has().real_time) GTEST_SKIP() << kSleepsUntilEvents;
  ASSERT_TRUE(load());
  const uint64_t gathered = loop->counters().batched_waits;
  for (int i = 0; i < 100; ++i) pass();
  EXPECT_EQ(loop->counters().batched_waits, gathered);
}

TEST_P(LoopBatching, AWakeIsHeardThroughTheGathering) {
  if (!world_has().real_time) GTEST_SKIP() << "one thread has all of the simulation";
  ASSERT_TRUE(load());
  const Instant before = loop->now().monotonic;
  std::atomic<bool> waiting = false;
  std::thread other([&] {
    while (!waiting.load()) std::this_thread::yield();
    loop->wake();
  });
  waiting.store(true);
  while (notebook.wakes == 0) loop->run_pass(notebook, before + 60s);
  other.join();
  EXPECT_LT(loop->now().monotonic - before, 30s);
}

TEST_P(LoopBatching, ALoopThatSpinsLosesNothingAndGathersNothing) {
  restart_with(1s, 1ms);
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(burst());
  ASSERT_EQ(notebook.received.size(), sent_);
  for (size_t i = 0; i < sent_; ++i) ASSERT_EQ(notebook.received[i].bytes, std::to_string(i));
  EXPECT_EQ(loop->counters().batched_waits, 0u);
}

TEST_P(LoopBatching, ALoopThatSpinsLooksBeforeItSleepsUntilItsTime) {
  restart_with(0s, 1ms);
  const Instant before = loop->now().monotonic;
  EXPECT_LE(idle_for(50ms), 100) << "spinning is part of one pass";
  EXPECT_LT(loop->now().monotonic - before, 5s);
  if (!world_has().real_time) return;
  EXPECT_GT(loop->counters().busy_polls, 0u);
}

TEST_P(LoopBatching, ALoopThatSpinsTakesWhatIsThereWithTheFirstLook) {
  restart_with(0s, 1ms);
  settle();
  const uint64_t looked = loop->counters().busy_polls;
  peer_->send(address_of(relay_), "is there already");
  loop->run_pass(notebook, kNever);
  EXPECT_THAT(notebook.texts(), testing::ElementsAre("is there already"));
  EXPECT_LE(loop->counters().busy_polls - looked, 1u);
}

TEST_P(LoopBatching, ALoopThatSpinsHearsAWakeAndThenSleeps) {
  restart_with(0s, 1us);
  loop->wake();
  loop->run_pass(notebook, kNever);
  while (notebook.wakes == 0) loop->run_pass(notebook, kNever);
  EXPECT_EQ(notebook.wakes, 1);
  if (!world_has().real_time) return;
  std::atomic<bool> waiting = false;
  std::thread other([&] {
    while (!waiting.load()) std::this_thread::yield();
    loop->wake();
  });
  waiting.store(true);
  while (notebook.wakes == 1) loop->run_pass(notebook, kNever);
  other.join();
}

TEST_P(LoopBatching, ALoopThatDoesNotSpinCountsNoLooks) {
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(burst());
  idle_for(5ms);
  EXPECT_EQ(loop->counters().busy_polls, 0u);
}

INSTANTIATE_TEST_SUITE_P(Worlds, LoopBatching, testing::ValuesIn(all_worlds()), name_of_world);

}  // namespace
}  // namespace uturn
