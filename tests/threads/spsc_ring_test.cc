// The ring between two threads.
#include "server/spsc_ring.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>

namespace uturn {
namespace {

TEST(SpscRing, GivesBackInOrderWhatItTook) {
  SpscRing<int, 4> ring;
  EXPECT_FALSE(ring.pop());
  for (int value : {1, 2, 3}) EXPECT_TRUE(ring.push(value));
  EXPECT_EQ(ring.pop(), 1);
  EXPECT_EQ(ring.pop(), 2);
  EXPECT_EQ(ring.pop(), 3);
  EXPECT_FALSE(ring.pop());
}

TEST(SpscRing, AFullRingLeavesTheValueUntouched) {
  SpscRing<std::unique_ptr<int>, 2> ring;
  for (int i = 0; i < 2; ++i) {
    auto value = std::make_unique<int>(i);
    EXPECT_TRUE(ring.push(value));
  }
  auto third = std::make_unique<int>(3);
  EXPECT_FALSE(ring.push(third));
  ASSERT_TRUE(third);
  EXPECT_EQ(*third, 3);

  EXPECT_EQ(**ring.pop(), 0);
  EXPECT_TRUE(ring.push(third));
}

TEST(SpscRing, WhatWasTakenOutIsNotKeptAlive) {
  SpscRing<std::shared_ptr<int>, 2> ring;
  auto value = std::make_shared<int>(1);
  const std::weak_ptr<int> watched = value;
  ring.push(value);
  ring.pop();
  EXPECT_TRUE(watched.expired());
}

// Many times around: the indices wrap, and the ring is full and empty again and again.
TEST(SpscRing, OneThreadFillsWhileAnotherEmpties) {
  constexpr int kValues = 50'000;
  SpscRing<std::unique_ptr<int>, 8> ring;
  std::thread producer([&ring] {
    for (int i = 0; i < kValues; ++i) {
      auto value = std::make_unique<int>(i);
      while (!ring.push(value)) std::this_thread::yield();
    }
  });
  int expected = 0;
  while (expected < kValues) {
    const auto value = ring.pop();
    if (!value) {
      std::this_thread::yield();
      continue;
    }
    ASSERT_EQ(**value, expected);
    ++expected;
  }
  producer.join();
  EXPECT_FALSE(ring.pop());
}

}  // namespace
}  // namespace uturn
