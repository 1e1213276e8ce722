// Which loop is chosen and made, also where the machine forbids system calls.
#include "io/make_loop.h"

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <optional>
#include <thread>

#include "io/epoll_loop.h"
#include "tests/io/forbidden_call.h"
#include "tests/io/loop_harness.h"

namespace uturn {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

// Nothing where this machine allows no filters.
std::optional<Result<IoChoice, std::string>> choose_where_forbidden(IoWish wish) {
  std::optional<Result<IoChoice, std::string>> choice;
  std::thread([&] {
    if (forbid_call(__NR_io_uring_setup)) choice = choose_io(wish);
  }).join();
  return choice;
}

TEST(ChooseIo, AWishForEpollIsAlwaysMet) {
  const auto choice = choose_io(IoWish::epoll);
  ASSERT_TRUE(choice);
  EXPECT_EQ(choice->kind, IoKind::epoll);
}

TEST(ChooseIo, WhatIsChosenRuns) {
  for (const IoWish wish : {IoWish::automatic, IoWish::epoll}) {
    const auto choice = choose_io(wish);
    ASSERT_TRUE(choice);
    const auto loop = try_make_loop(choice->kind, {});
    ASSERT_TRUE(loop);
    EXPECT_EQ((*loop)->name(), choice->kind == IoKind::uring ? "io_uring" : "epoll");
    EXPECT_THAT(choice->reason, StartsWith(std::string((*loop)->name()) + ": "));
  }
}

TEST(ChooseIo, WhereSeccompForbidsIoUringItIsEpollAndSaysWhy) {
  const auto choice = choose_where_forbidden(IoWish::automatic);
  if (!choice) GTEST_SKIP() << "seccomp filters are not allowed";
  ASSERT_TRUE(*choice);
  EXPECT_EQ((*choice)->kind, IoKind::epoll);
  EXPECT_THAT((*choice)->reason, HasSubstr("io_uring cannot be used"));
  EXPECT_THAT((*choice)->reason, HasSubstr("not permitted"));
}

TEST(ChooseIo, AWishForIoUringThatCannotBeMetIsAnError) {
  const auto choice = choose_where_forbidden(IoWish::uring);
  if (!choice) GTEST_SKIP() << "seccomp filters are not allowed";
  ASSERT_FALSE(*choice);
  EXPECT_THAT(choice->error(), HasSubstr("not permitted"));
}

// Where a ring that was possible a moment ago no longer is. Nothing where this machine allows no
// filters.
std::optional<Result<ShardLoops, std::string>> make_where_rings_are_refused(IoWish wish) {
  std::optional<Result<ShardLoops, std::string>> made;
  std::thread([&] {
    if (forbid_call(__NR_io_uring_setup, ENOMEM)) {
      made = make_shard_loops(wish, IoKind::uring, {}, 3);
    }
  }).join();
  return made;
}

TEST(ShardLoops, AreOneForEachShardAndOfTheKindThatWasChosen) {
  const auto choice = choose_io(IoWish::automatic);
  ASSERT_TRUE(choice);
  for (const IoKind kind : {choice->kind, IoKind::epoll}) {
    const auto made = make_shard_loops(IoWish::automatic, kind, {}, 2);
    ASSERT_TRUE(made) << made.error();
    EXPECT_EQ(made->kind, kind);
    EXPECT_EQ(made->loops.size(), 2u);
    for (const auto& loop : made->loops) {
      EXPECT_EQ(loop->name(), kind == IoKind::uring ? "io_uring" : "epoll");
    }
    EXPECT_EQ(made->fell_back_because, "");
  }
}

TEST(ShardLoops, AreAllEpollWhereARealRingIsRefusedAndNobodyInsistedOnIt) {
  const auto made = make_where_rings_are_refused(IoWish::automatic);
  if (!made) GTEST_SKIP() << "seccomp filters are not allowed";
  ASSERT_TRUE(*made) << made->error();
  EXPECT_EQ((*made)->kind, IoKind::epoll);
  EXPECT_EQ((*made)->loops.size(), 3u);
  for (const auto& loop : (*made)->loops) EXPECT_EQ(loop->name(), "epoll");
  EXPECT_EQ((*made)->fell_back_because,
            "io_uring for worker 1 of 3: io_uring_setup: Cannot allocate memory");
}

TEST(ShardLoops, AreAnErrorWhereIoUringWasAskedForAndIsRefused) {
  const auto made = make_where_rings_are_refused(IoWish::uring);
  if (!made) GTEST_SKIP() << "seccomp filters are not allowed";
  ASSERT_FALSE(*made);
  EXPECT_THAT(made->error(), HasSubstr("io_uring_setup: Cannot allocate memory"));
}

TEST(ShardLoops, SayWhichDescriptorEpollCouldNotGet) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit none = before;
  none.rlim_cur = 0;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const auto made = make_shard_loops(IoWish::epoll, IoKind::epoll, {}, 1);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error(), "epoll for worker 1 of 1: epoll_create1: Too many open files");
}

// What a loop hears of itself in one pass that may wait long, and whether a pass in which nothing
// comes waits for its time.
struct Waiting {
  std::vector<std::string> heard;
  bool waited = false;
};

Waiting wait_for_a_datagram_and_for_nothing() {
  const auto loop = make_epoll_loop({});
  loop->start();
  UdpSocketSpec spec;
  spec.address = at("127.0.0.1:0");
  const auto socket = loop->open(spec, 0);
  Notebook notebook;
  loop->send({*socket, loop->local_address(*socket), {}, bytes_of("to myself"), {}});
  loop->run_pass(notebook, loop->now().monotonic + 3s);

  const Instant wake_at = loop->now().monotonic + 20ms;
  loop->run_pass(notebook, wake_at);
  return {notebook.texts(), is_past(wake_at, loop->now())};
}

// Profiles older than the call answer EPERM, kernels older than the call ENOSYS.
TEST(EpollLoop, WaitsWhereEpollPwait2IsForbiddenOrUnknown) {
  if (!can_forbid_calls()) GTEST_SKIP() << "seccomp filters are not allowed";
  for (const int error : {EPERM, ENOSYS}) {
    Waiting waiting;
    std::thread([&] {
      if (forbid_call(__NR_epoll_pwait2, error)) waiting = wait_for_a_datagram_and_for_nothing();
    }).join();
    EXPECT_THAT(waiting.heard, ElementsAre("to myself")) << std::strerror(error);
    EXPECT_TRUE(waiting.waited) << std::strerror(error);
  }
}

}  // namespace
}  // namespace uturn
