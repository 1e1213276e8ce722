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

}  // namespace
}  // namespace uturn
