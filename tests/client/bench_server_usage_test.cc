// ServerUsage: looking at this very process, whose doings the test knows.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <latch>
#include <memory>
#include <thread>
#include <vector>

#include "client/tools/bench/server_usage.h"

namespace uturn {
namespace {

using ::testing::ElementsAre;

/// Keeps the calling thread busy until its own clock says that it has run so long.
void run_for(Duration time) {
  const auto has_run = [] {
    timespec now;
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return std::chrono::seconds{now.tv_sec} + std::chrono::nanoseconds{now.tv_nsec};
  };
  while (has_run() < time) continue;
}

UsageSnapshot look_at_this_process() {
  const auto usage = ServerUsage::of(::getpid());
  EXPECT_TRUE(usage.has_value());
  const auto snapshot = usage->look();
  EXPECT_TRUE(snapshot.has_value());
  return *snapshot;
}

TEST(ServerUsage, TimeOfAThreadThatHasEndedStillCounts) {
  const UsageSnapshot before = look_at_this_process();
  std::thread{[] { run_for(30ms); }}.join();
  const UsageSnapshot used = difference(look_at_this_process(), before);
  EXPECT_GE(used.cpu, 30ms);
}

TEST(ServerUsage, CountsThreads) {
  constexpr size_t kThreads = 8;
  std::latch looked{1};
  std::vector<std::jthread> waiting;
  for (size_t i = 0; i < kThreads; ++i) waiting.emplace_back([&looked] { looked.wait(); });
  const UsageSnapshot usage = look_at_this_process();
  looked.count_down();
  EXPECT_GT(usage.threads, kThreads);
}

TEST(ServerUsage, CountsDescriptors) {
  const UsageSnapshot before = look_at_this_process();
  const int descriptor = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  const UsageSnapshot meanwhile = look_at_this_process();
  ::close(descriptor);
  EXPECT_EQ(meanwhile.descriptors.value(), before.descriptors.value() + 1);
}

TEST(ServerUsage, MemoryThatWasTouchedIsResident) {
  constexpr size_t kSize = 64 << 20;
  const UsageSnapshot before = look_at_this_process();
  const auto memory = std::make_unique_for_overwrite<char[]>(kSize);
  for (size_t i = 0; i < kSize; i += 1024) static_cast<volatile char*>(memory.get())[i] = 1;
  const UsageSnapshot after = look_at_this_process();
  EXPECT_GE(after.rss_bytes, before.rss_bytes + kSize / 2);
  ASSERT_TRUE(after.anonymous_bytes.has_value());
  EXPECT_GE(*after.anonymous_bytes, *before.anonymous_bytes + kSize / 2);
}

TEST(ServerUsage, AProcessThatIsNotThereCannotBeWatched) {
  const auto usage = ServerUsage::of(-1);
  ASSERT_FALSE(usage.has_value());
  EXPECT_EQ(usage.error(), "there is no process -1 to watch");
}

TEST(ServerUsage, AProcessThatHasEndedShowsNothing) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::pause();
    ::_exit(0);
  }
  const auto usage = ServerUsage::of(child);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ASSERT_TRUE(usage.has_value());
  EXPECT_FALSE(usage->look().has_value());
}

TEST(ServerUsage, ADifferenceIsOfTimesOnly) {
  const UsageSnapshot before{.cpu = 5ms,
                             .user = 3ms,
                             .system = 2ms,
                             .ksoftirqd = 7us,
                             .softirq = 10ms,
                             .rss_bytes = 1000,
                             .threads = 3};
  const UsageSnapshot after{.cpu = 9ms,
                            .user = 4ms,
                            .system = 5ms,
                            .ksoftirqd = 8us,
                            .softirq = 30ms,
                            .rss_bytes = 900,
                            .threads = 2};
  const UsageSnapshot used = difference(after, before);
  EXPECT_EQ(used.cpu, 4ms);
  EXPECT_EQ(used.user, 1ms);
  EXPECT_EQ(used.system, 3ms);
  EXPECT_EQ(used.ksoftirqd, Duration{1us});
  EXPECT_EQ(used.softirq, 20ms);
  EXPECT_EQ(used.rss_bytes, 900u);
  EXPECT_EQ(used.threads, 2u);
}

TEST(ServerUsage, WhatOneLookCouldNotReadHasNoDifference) {
  UsageSnapshot before;
  UsageSnapshot after;
  after.ksoftirqd = 8us;
  EXPECT_FALSE(difference(after, before).ksoftirqd.has_value());
}

TEST(CpuList, RangesAndSingleNumbers) {
  EXPECT_THAT(parse_cpu_list("\t0-2,5\n").value(), ElementsAre(0, 1, 2, 5));
  EXPECT_THAT(parse_cpu_list("7").value(), ElementsAre(7));
}

TEST(CpuList, AnythingElseIsNone) {
  for (const char* text : {"", "a", "1-", "-1", "2-1", "1,,2", "1-2-3", "1 2", "99999"}) {
    EXPECT_FALSE(parse_cpu_list(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace uturn
