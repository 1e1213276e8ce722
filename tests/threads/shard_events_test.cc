// Events on their way from shards to the thread that logs.
#include "server/shard_events.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <thread>
#include <vector>

namespace uturn {
namespace {

bool is_readable(const ShardEvents& events) {
  pollfd readable{events.descriptor(), POLLIN, 0};
  return ::poll(&readable, 1, 0) == 1;
}

ShardEvent exhausted(AddressFamily family) {
  return {.kind = ShardEvent::Kind::ports_exhausted, .family = family};
}

TEST(ShardEvents, AnEventMakesTheDescriptorReadableUntilItIsTaken) {
  ShardEvents events;
  EXPECT_FALSE(is_readable(events));
  events.push(exhausted(AddressFamily::ipv4));
  events.push(exhausted(AddressFamily::ipv6));
  EXPECT_TRUE(is_readable(events));

  const auto taken = events.take();
  ASSERT_EQ(taken.size(), 2U);
  EXPECT_EQ(taken[0].family, AddressFamily::ipv4);
  EXPECT_EQ(taken[1].family, AddressFamily::ipv6);
  EXPECT_FALSE(is_readable(events));
  EXPECT_TRUE(events.take().empty());
}

TEST(ShardEvents, ManyEventsWakeOnce) {
  ShardEvents events;
  for (int i = 0; i < 3; ++i) events.push(exhausted(AddressFamily::ipv4));
  uint64_t wakes = 0;
  ASSERT_EQ(::read(events.descriptor(), &wakes, sizeof wakes), ssize_t{sizeof wakes});
  EXPECT_EQ(wakes, 1U);
  EXPECT_EQ(events.take().size(), 3U);
  events.push(exhausted(AddressFamily::ipv4));
  EXPECT_TRUE(is_readable(events)) << "what comes after a look is told again";
}

TEST(ShardEvents, WhatDoesNotFitIsCounted) {
  ShardEvents events;
  for (size_t i = 0; i < ShardEvents::kCapacity + 5; ++i) {
    events.push(exhausted(AddressFamily::ipv4));
  }
  EXPECT_EQ(events.lost(), 5U);
  EXPECT_EQ(events.take().size(), ShardEvents::kCapacity);
  events.push(exhausted(AddressFamily::ipv4));
  EXPECT_EQ(events.take().size(), 1U) << "there is room again";
}

TEST(ShardEvents, EveryEventIsTakenOrCounted) {
  constexpr uint64_t kEach = 5'000;
  constexpr uint64_t kShards = 4;
  ShardEvents events;
  std::vector<std::thread> shards;
  for (uint64_t shard = 0; shard < kShards; ++shard) {
    shards.emplace_back([&events] {
      for (uint64_t i = 0; i < kEach; ++i) events.push(exhausted(AddressFamily::ipv4));
    });
  }
  uint64_t taken = 0;
  while (taken + events.lost() < kShards * kEach) {
    pollfd readable{events.descriptor(), POLLIN, 0};
    ASSERT_EQ(::poll(&readable, 1, 10'000), 1) << "an event was pushed and nobody was told";
    taken += events.take().size();
  }
  for (std::thread& shard : shards) shard.join();
  EXPECT_EQ(taken + events.take().size() + events.lost(), kShards * kEach);
}

}  // namespace
}  // namespace uturn
