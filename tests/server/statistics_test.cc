// The counters of several shards in one sum, and the line a server ends with.
#include "server/statistics.h"

#include <gmock/gmock.h>

#include "tests/server/temporary_directory.h"

namespace uturn {
namespace {

using testing::HasSubstr;
using testing::Not;

RelayCounters relay_counters(uint64_t factor) {
  RelayCounters counters;
  counters.datagrams_in = 1 * factor;
  counters.drops[static_cast<size_t>(DropReason::too_short)] = 2 * factor;
  counters.drops[static_cast<size_t>(DropReason::no_permission)] = 3 * factor;
  counters.answers = 4 * factor;
  counters.resumed_answers = 5 * factor;
  counters.errors[401] = 6 * factor;
  counters.shortcuts_here = 8 * factor;
  counters.errors[699] = 7 * factor;
  return counters;
}

TEST(Statistics, EveryCounterOfEveryShardIsInTheSum) {
  Statistics sum;
  LoopCounters loop;
  loop.passes = 8;
  loop.icmp_errors = 9;
  loop.batched_waits = 10;
  loop.busy_polls = 11;
  ShortcutCounters shortcuts;
  shortcuts.sent = 10;
  shortcuts.too_long = 11;
  StreamCounters streams;
  streams.accepted = 12;
  streams.closed[static_cast<size_t>(CloseReason::idle)] = 13;
  sum.add(relay_counters(1), loop, shortcuts, streams);
  sum.add(relay_counters(10), loop, shortcuts, streams);

  EXPECT_EQ(sum.relay().datagrams_in, 11U);
  EXPECT_EQ(sum.relay().drops_of(DropReason::too_short), 22U);
  EXPECT_EQ(sum.relay().drops_of(DropReason::no_permission), 33U);
  EXPECT_EQ(sum.relay().errors[401], 66U);
  EXPECT_EQ(sum.relay().errors[699], 77U);
  EXPECT_EQ(sum.loop().passes, 16U);
  EXPECT_EQ(sum.loop().icmp_errors, 18U);
  EXPECT_EQ(sum.loop().batched_waits, 20U);
  EXPECT_EQ(sum.loop().busy_polls, 22U);
  EXPECT_EQ(sum.shortcuts().sent, 20U);
  EXPECT_EQ(sum.shortcuts().too_long, 22U);
  EXPECT_EQ(sum.streams().accepted, 24U);
  EXPECT_EQ(sum.streams().closed_for(CloseReason::idle), 26U);
}

TEST(Statistics, SaysOnlyWhatHappened) {
  Statistics sum;
  EXPECT_EQ(sum.drops_text(), "");
  EXPECT_EQ(sum.errors_text(), "");
  sum.add(relay_counters(1), {});
  EXPECT_EQ(sum.drops_text(), "too_short:2 no_permission:3");
  EXPECT_EQ(sum.errors_text(), "401:6 699:7");
  EXPECT_EQ(sum.closed_text(), "");
  StreamCounters streams;
  streams.closed[static_cast<size_t>(CloseReason::not_turn)] = 1;
  streams.closed[static_cast<size_t>(CloseReason::idle)] = 2;
  sum.add({}, {}, {}, streams);
  EXPECT_EQ(sum.closed_text(), "not_turn:1 idle:2");
}

TEST(Statistics, AreOneLineOfTheLog) {
  const TemporaryDirectory directory;
  LogConfig settings;
  settings.file = directory.path("log");
  {
    const auto log = Log::open(settings);
    ASSERT_TRUE(log);
    Statistics sum;
    LoopCounters loop;
    loop.batched_waits = 12;
    loop.busy_polls = 13;
    loop.peers_connected = 14;
    loop.streams_accepted = 15;
    loop.streams_refused = 16;
    loop.stream_reads = 17;
    loop.stream_writes = 18;
    loop.stream_bytes_in = 19;
    loop.stream_bytes_out = 20;
    sum.add(relay_counters(1), loop, {.sent = 10, .full = 3});
    log_statistics(*log, sum);
  }
  const std::string line = directory.read("log");
  EXPECT_EQ(std::ranges::count(line, '\n'), 1);
  EXPECT_THAT(line, HasSubstr("answers=9"));  // those that waited are answers too
  EXPECT_THAT(line, HasSubstr("too_short:2 no_permission:3"));
  EXPECT_THAT(line, HasSubstr("401:6 699:7"));
  EXPECT_THAT(line, HasSubstr("batched_waits=12 busy_polls=13 peers_connected=14"));
  EXPECT_THAT(line, HasSubstr("streams_accepted=15 streams_refused=16 stream_reads=17 "
                              "stream_writes=18 stream_bytes_in=19 stream_bytes_out=20"));
  EXPECT_THAT(line, HasSubstr("shortcuts=18 shortcuts_across_workers=10"));
  EXPECT_THAT(line, HasSubstr("shortcuts_full=3"));
  EXPECT_THAT(line, Not(HasSubstr("wrong_cookie")));
}

}  // namespace
}  // namespace uturn
