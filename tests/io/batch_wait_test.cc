// BatchWait: gathers under load, never in silence, and nobody waits longer than was allowed.
#include "io/batch_wait.h"

#include <gtest/gtest.h>

#include <random>

namespace uturn {
namespace {

constexpr Duration kLongest = 200us;
constexpr uint32_t kBatch = 256;

/// A loop's passes, told to one BatchWait.
class Passes {
 public:
  explicit Passes(Duration longest = kLongest, uint32_t batch = kBatch)
      : wait(longest, batch, [this] { return cpu; }) {}

  void pass(Duration later, uint64_t datagrams) {
    now += later;
    cpu += later * busy_percent / 100;
    count += datagrams;
    wait.on_pass(now, count);
  }
  /// One datagram a pass, evenly.
  void traffic(uint64_t rate, Duration time) {
    const Duration gap = Duration{1s} / static_cast<int64_t>(rate);
    for (const Instant end = now + time; now < end;) pass(gap, 1);
  }
  Duration gathering() const { return wait.gathering(now); }
  bool gathers() const { return gathering() > 0s; }

  int busy_percent = 0;
  Duration cpu{};
  BatchWait wait;
  Instant now{1h};
  uint64_t count = 0;
};

TEST(BatchWait, NothingGathersBeforeAnythingCame) {
  Passes passes;
  EXPECT_FALSE(passes.gathers());
  passes.pass(0s, 1);
  EXPECT_FALSE(passes.gathers());
}

TEST(BatchWait, BelowTheLeastRateNothingGathers) {
  Passes passes;
  for (int i = 0; i < 1'000; ++i) {
    passes.traffic(4'900, 1ms);
    ASSERT_FALSE(passes.gathers());
  }
}

TEST(BatchWait, LoadIsSeenWithinTenMilliseconds) {
  Passes passes;
  passes.pass(1s, 0);
  passes.traffic(20'000, 10ms);
  EXPECT_NEAR(static_cast<double>(passes.wait.rate()), 20'000, 1'000);
  EXPECT_TRUE(passes.gathers());
}

TEST(BatchWait, TheEndOfTheLoadIsSeenWithinTenMilliseconds) {
  Passes passes;
  passes.traffic(100'000, 20ms);
  ASSERT_TRUE(passes.gathers());
  passes.traffic(1'000, 10ms);
  EXPECT_FALSE(passes.gathers());
}

TEST(BatchWait, WhoeverSpeaksAfterAPauseIsNotTakenForTheLoadBeforeIt) {
  Passes passes;
  passes.traffic(100'000, 21ms);  // the last window is not over
  ASSERT_TRUE(passes.gathers());
  passes.pass(3ms, 1);
  EXPECT_FALSE(passes.gathers());
}

TEST(BatchWait, OneBurstAfterAPauseIsNoLoad) {
  Passes passes;
  passes.pass(1s, 200);
  EXPECT_FALSE(passes.gathers());
}

TEST(BatchWait, PassesThatBringNothingAreAPauseToo) {
  Passes passes;
  passes.traffic(100'000, 20ms);
  for (int i = 0; i < 10; ++i) passes.pass(500us, 0);
  EXPECT_FALSE(passes.gathers());
}

TEST(BatchWait, ForOneAloneNothingGathers) {
  Passes passes;
  passes.traffic(8'000, 20ms);
  EXPECT_FALSE(passes.gathers());
  passes.traffic(11'000, 20ms);
  EXPECT_TRUE(passes.gathers());
}

TEST(BatchWait, AboveTheLeastRateALongWaitExpectsEnough) {
  Passes passes(1ms);
  passes.traffic(6'500, 20ms);
  EXPECT_TRUE(passes.gathers());
}

TEST(BatchWait, ItTakesNoLongerThanABatchNeedsToFill) {
  Passes passes(kLongest, 32);
  passes.traffic(1'000'000, 20ms);
  EXPECT_EQ(passes.gathering(), 32us);
}

TEST(BatchWait, ThePassIsPartOfTheTime) {
  Passes passes;
  passes.traffic(20'000, 20ms);
  EXPECT_EQ(passes.gathering(), 200us);
  EXPECT_EQ(passes.wait.gathering(passes.now + 150us), 50us);
}

TEST(BatchWait, ALoopWhosePassesAreAsLongAsTheWaitIsSaturatedAndDoesNotWait) {
  Passes passes;
  for (int i = 0; i < 100; ++i) passes.pass(kLongest, 100);
  EXPECT_EQ(passes.wait.rate(), 500'000u);
  EXPECT_EQ(passes.wait.gathering(passes.now + kLongest), 0s);
}

TEST(BatchWait, BusyForHalfOfTheTimeItDoesNotGather) {
  Passes passes;
  passes.busy_percent = 45;
  passes.traffic(20'000, 20ms);
  EXPECT_TRUE(passes.gathers());
  passes.busy_percent = 55;
  passes.traffic(90'000, 20ms);
  EXPECT_TRUE(passes.wait.is_busy());
  EXPECT_FALSE(passes.gathers());
  passes.busy_percent = 45;
  passes.traffic(70'000, 20ms);
  EXPECT_TRUE(passes.gathers());
}

TEST(BatchWait, SwitchedOffItNeverGathers) {
  Passes passes(0s);
  passes.traffic(1'000'000, 20ms);
  EXPECT_FALSE(passes.gathers());
}

// Whatever comes, and however the passes fall.
TEST(BatchWait, NobodyWaitsLongerThanTheLongest) {
  for (unsigned seed = 1; seed <= 50; ++seed) {
    std::mt19937 random(seed);
    const auto up_to = [&](uint32_t most) { return random() % (most + 1); };
    const Duration longest = std::chrono::microseconds(up_to(10'000));
    const uint32_t batch = 1 + up_to(300);
    Passes passes(longest, batch);
    for (int i = 0; i < 2'000; ++i) {
      const Duration pause = std::chrono::microseconds(up_to(10) == 0 ? up_to(50'000) : up_to(300));
      const uint64_t came = up_to(100);
      passes.pass(pause, came);
      const Duration handling = std::chrono::microseconds(up_to(500));
      const Duration gathering = passes.wait.gathering(passes.now + handling);
      ASSERT_GE(gathering, 0s);
      if (gathering == 0s) continue;
      ASSERT_LE(handling + gathering, longest) << "seed " << seed << ", pass " << i;
      const bool was_idle =
          pause >= BatchWait::kWindow && came * 1'000'000'000 / pause.count() < 5'000;
      ASSERT_FALSE(was_idle) << "seed " << seed << ", pass " << i;
    }
  }
}

}  // namespace
}  // namespace uturn
