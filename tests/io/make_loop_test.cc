// Which loop is chosen and made, also where the machine forbids system calls.
#include "io/make_loop.h"

#include <gmock/gmock.h>
#include <sys/syscall.h>

#include <optional>
#include <thread>

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
    const auto loop = make_loop(choice->kind, {});
    ASSERT_TRUE(loop);
    EXPECT_EQ(loop->name(), choice->kind == IoKind::uring ? "io_uring" : "epoll");
    EXPECT_THAT(choice->reason, StartsWith(std::string(loop->name()) + ": "));
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

// What a loop hears of itself in one pass that may wait long, and whether a pass in which nothing
// comes waits for its time.
struct Waiting {
  std::vector<std::string> heard;
  bool waited = false;
};

Waiting wait_for_a_datagram_and_for_nothing() {
  const auto loop = make_loop(IoKind::epoll, {});
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
