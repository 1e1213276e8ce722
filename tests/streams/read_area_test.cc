// The place where what was read lies until it has been sent.
#include "server/streams/read_area.h"

#include <gtest/gtest.h>

namespace uturn {
namespace {

TEST(ReadArea, EachReadLiesBehindTheFormerAndTakesOnlyWhatCame) {
  ReadArea area;
  const MutableBytes first = area.offer(10, kReadSize);
  ASSERT_EQ(first.size(), 10 + kReadSize);
  area.take(10 + 100);
  const MutableBytes second = area.offer(0, kReadSize);
  EXPECT_EQ(second.data(), first.data() + 110);
  EXPECT_EQ(area.offer(0, kReadSize).data(), second.data()) << "nothing was taken";
}

TEST(ReadArea, WhatDoesNotFitIsNotOffered) {
  ReadArea area;
  area.take(area.offer(kReadAreaSize - 100, 0).size());
  EXPECT_TRUE(area.offer(0, 101).empty());
  EXPECT_FALSE(area.offer(0, 100).empty());
  area.start_over();
  EXPECT_EQ(area.offer(0, kReadSize).size(), kReadSize);
}

TEST(ReadArea, EveryFrameHasAHeadroomOfItsOwn) {
  ReadArea area;
  const uint8_t* before = area.headroom().data();
  for (uint32_t i = 1; i < kFramesPerReadArea; ++i) {
    const MutableBytes room = area.headroom();
    ASSERT_EQ(room.size(), kHeadroom);
    ASSERT_EQ(room.data(), before + kHeadroom);
    before = room.data();
  }
  EXPECT_TRUE(area.headroom().empty());
  area.reuse_headrooms();
  EXPECT_FALSE(area.headroom().empty());
}

}  // namespace
}  // namespace uturn
