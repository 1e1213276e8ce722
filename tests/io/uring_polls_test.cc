// UringPolls where the kernel ended a poll, or had no memory for a completion: no stream is deaf
// afterwards.
#include "io/uring_polls.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <map>

#include "io/uring_loop.h"

namespace uturn {
namespace {

// Polls on a ring of its own, whose completions the test can lose. An eventfd stands for a stream.
class UringPollsTest : public testing::Test {
 protected:
  static constexpr uint32_t kStreams = 3'000;  // more than are questioned in one pass

  void SetUp() override {
    if (const auto possible = probe_uring(); !possible) GTEST_SKIP() << possible.error();
    auto made = Ring::create(1'024, 8'192);
    ASSERT_TRUE(made) << made.error();
    ring_ = std::move(*made);
    ring_->enable();
  }
  void TearDown() override {
    ring_.reset();
    for (const int fd : open_) ::close(fd);
  }

  SocketId open() {
    const int fd = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    CHECK(fd >= 0);
    open_.push_back(fd);
    const SocketId id{static_cast<uint32_t>(open_.size() - 1), 5};
    polls_.begin(id, fd);
    return id;
  }
  void knock(SocketId id) {
    const uint64_t one = 1;
    ASSERT_EQ(::write(open_[id.slot], &one, sizeof one), ssize_t{sizeof one});
  }
  // Reads what came, so that the next knock is news.
  void answer(SocketId id) {
    uint64_t count = 0;
    EXPECT_EQ(::read(open_[id.slot], &count, sizeof count), ssize_t{sizeof count});
  }
  void collect() {
    ring_->poll();
    ring_->for_each_completion([this](const io_uring_cqe& completion) {
      const UserData data = UserData::decode(completion.user_data);
      if (data.request == RingRequest::cancel_poll) {
        return polls_.on_cancel_refused(data.socket, completion.res);
      }
      const auto events = polls_.on_completion(data.socket, completion);
      if (events && (*events & POLLIN)) ++heard_[data.socket.slot];
    });
  }
  void lose_completions() {
    ring_->poll();
    ring_->for_each_completion([this](const io_uring_cqe&) { ++lost_; });
  }
  void pass() {
    polls_.question_doubted(*ring_);
    polls_.arm_wanting(*ring_);
    collect();
  }
  void passes_until_armed() {
    while (polls_.has_wanting()) pass();
    pass();
  }
  bool hears(SocketId id) {
    const int before = heard_[id.slot];
    for (int i = 0; i < 400 && heard_[id.slot] == before; ++i) pass();
    return heard_[id.slot] > before;
  }
  // Its poll ends behind our back.
  void lose_end_of(SocketId id) {
    polls_.prepare_cancel(*ring_, id);
    lose_completions();
  }

  std::vector<int> open_;
  UringPolls polls_{kStreams};
  std::unique_ptr<Ring> ring_;
  std::map<uint32_t, int> heard_;
  int lost_ = 0;
};

TEST_F(UringPollsTest, OnePollTellsOfEachEdge) {
  const SocketId id = open();
  passes_until_armed();
  for (int i = 0; i < 3; ++i) {
    knock(id);
    EXPECT_TRUE(hears(id));
    answer(id);
  }
  EXPECT_FALSE(polls_.has_wanting());
}

TEST_F(UringPollsTest, WhatIsTheCaseAlreadyIsToldWhenItIsArmed) {
  const SocketId id = open();
  knock(id);
  EXPECT_TRUE(hears(id));
}

TEST_F(UringPollsTest, OneThatEndsIsArmedAnew) {
  const SocketId id = open();
  passes_until_armed();
  polls_.prepare_cancel(*ring_, id);
  collect();
  EXPECT_FALSE(polls_.is_armed(id));
  EXPECT_TRUE(polls_.has_wanting());
  knock(id);
  EXPECT_TRUE(hears(id));
}

TEST_F(UringPollsTest, WhatEndsWithItsStreamIsNotArmedAnew) {
  const SocketId id = open();
  passes_until_armed();
  polls_.prepare_cancel(*ring_, id);
  collect();
  polls_.end(id);
  EXPECT_FALSE(polls_.has_wanting());
  EXPECT_FALSE(polls_.is_armed(id));
  const SocketId next{id.slot, id.generation + 1};
  polls_.begin(next, open_[id.slot]);
  EXPECT_FALSE(polls_.is_armed(id));
  knock(next);
  EXPECT_TRUE(hears(next));
}

TEST_F(UringPollsTest, ALostEndLeavesNoStreamDeafOnceItIsNoticed) {
  const SocketId deaf = open();
  const SocketId healthy = open();
  passes_until_armed();
  lose_end_of(deaf);
  ASSERT_EQ(lost_, 1);
  knock(deaf);
  EXPECT_FALSE(hears(deaf));
  polls_.on_completions_lost();
  EXPECT_TRUE(hears(deaf));
  knock(healthy);
  EXPECT_TRUE(hears(healthy));
  EXPECT_FALSE(polls_.has_doubted());
  EXPECT_FALSE(polls_.has_wanting());
}

TEST_F(UringPollsTest, ALostEdgeIsToldAgainOnceItIsNoticed) {
  const SocketId id = open();
  passes_until_armed();
  knock(id);
  lose_completions();
  ASSERT_EQ(lost_, 1);
  EXPECT_FALSE(hears(id));
  polls_.on_completions_lost();
  EXPECT_TRUE(hears(id));
}

TEST_F(UringPollsTest, ManyAreAskedAboutInPortionsAndOnlyOnce) {
  std::vector<SocketId> ids;
  for (int i = 0; i < 2'100; ++i) ids.push_back(open());
  passes_until_armed();
  lose_end_of(ids.back());
  polls_.on_completions_lost();
  pass();
  EXPECT_TRUE(polls_.has_doubted()) << "all in one pass";
  passes_until_armed();
  while (polls_.has_doubted() || polls_.has_wanting()) pass();
  for (const SocketId id : {ids[0], ids[1'500], ids.back()}) {
    knock(id);
    EXPECT_TRUE(hears(id));
  }
}

TEST_F(UringPollsTest, ALostEndKeepsNoStreamFromBeingClosed) {
  const SocketId deaf = open();
  passes_until_armed();
  lose_end_of(deaf);
  polls_.on_completions_lost();
  polls_.prepare_cancel(*ring_, deaf);
  collect();
  EXPECT_FALSE(polls_.is_armed(deaf));
  polls_.end(deaf);
  EXPECT_FALSE(polls_.has_wanting());
}

}  // namespace
}  // namespace uturn
