// Ring where the kernel refuses to be entered, and where completions outnumber their queue.
#include "io/uring_ring.h"

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "io/uring_loop.h"
#include "tests/io/forbidden_call.h"

namespace uturn {
namespace {

class RingTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto possible = probe_uring(); !possible) GTEST_SKIP() << possible.error();
    auto made = Ring::create(1'024, 4'096);
    ASSERT_TRUE(made) << made.error();
    ring_ = std::move(*made);
    ring_->enable();
  }
  void prepare_nothing() {
    io_uring_prep_nop(&ring_->next_entry());
    ++prepared_;
  }

  std::unique_ptr<Ring> ring_;
  uint32_t prepared_ = 0;
};

// Where only entering with a submission fails, fetching completions in between changes nothing.
TEST_F(RingTest, ARefusalThatWillStayStopsTheProcessInsteadOfSpinning) {
  if (!can_forbid_calls()) GTEST_SKIP() << "seccomp filters are not allowed";
  constexpr CallArgument kOneSubmission{1, 1};
  EXPECT_DEATH(
      {
        ::alarm(10);  // whoever spins dies in silence
        CHECK(forbid_call(__NR_io_uring_enter, EPERM, kOneSubmission));
        prepare_nothing();
        ring_->submit();
      },
      "CHECK failed: taken");
}

TEST_F(RingTest, CompletionsThatFindTheQueueFullAreKeptAndNotLost) {
  while (prepared_ < 2 * ring_->completion_entries()) prepare_nothing();
  ring_->poll();
  uint32_t completed = 0;
  uint64_t kept = 0;
  for (int i = 0; i < 16 && completed < prepared_; ++i) {
    ring_->for_each_completion([&](const io_uring_cqe&) { ++completed; });
    ring_->poll();
    const Ring::Overflows overflows = ring_->take_overflows();
    kept += overflows.kept;
    EXPECT_EQ(overflows.lost, 0u);
  }
  EXPECT_EQ(completed, prepared_);
  EXPECT_GT(kept, 0u);
}

// Bounds that only tell a hang: each call would last a minute if it waited for the wrong thing.
class RingBatchTest : public RingTest {
 protected:
  void wait_for_batch(uint32_t enough, Duration gathering, Duration timeout) {
    const auto before = std::chrono::steady_clock::now();
    ring_->wait_for_batch(enough, gathering, timeout);
    EXPECT_LT(std::chrono::steady_clock::now() - before, 30s);
    ring_->for_each_completion([&](const io_uring_cqe&) { ++completed_; });
  }
  uint32_t completed_ = 0;
};

TEST_F(RingBatchTest, EnoughCompletionsEndTheWait) {
  for (int i = 0; i < 3; ++i) prepare_nothing();
  wait_for_batch(3, 60s, 60s);
  EXPECT_EQ(completed_, 3u);
}

TEST_F(RingBatchTest, FewerEndItWhenTheGatheringIsOver) {
  prepare_nothing();
  wait_for_batch(3, 1ms, 60s);
  EXPECT_EQ(completed_, 1u);
}

TEST_F(RingBatchTest, NothingEndsItWhenTheTimeIsOverAndNotBefore) {
  const auto before = std::chrono::steady_clock::now();
  wait_for_batch(3, 1ms, 20ms);
  EXPECT_GE(std::chrono::steady_clock::now() - before, 20ms);
  EXPECT_EQ(completed_, 0u);
}

TEST_F(RingBatchTest, ADeadlineBeforeTheEndOfTheGatheringIsKept) {
  prepare_nothing();
  wait_for_batch(3, 60s, 1ms);
  EXPECT_EQ(completed_, 1u);
}

}  // namespace
}  // namespace uturn
