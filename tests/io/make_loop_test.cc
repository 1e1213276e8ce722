// Which loop is chosen, also where the machine forbids io_uring.
#include "io/make_loop.h"

#include <gmock/gmock.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cerrno>
#include <optional>
#include <thread>

namespace uturn {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

// From here on this thread, and no other, gets EPERM for io_uring_setup, as in many containers.
bool forbid_io_uring() {
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_setup, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter{std::size(program), program};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

// Nothing where this machine allows no filters.
std::optional<Result<IoChoice, std::string>> choose_where_forbidden(IoWish wish) {
  std::optional<Result<IoChoice, std::string>> choice;
  std::thread([&] {
    if (forbid_io_uring()) choice = choose_io(wish);
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

}  // namespace
}  // namespace uturn
