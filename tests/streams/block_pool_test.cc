// The pool of blocks: a bound, and memory that is used again.
#include "server/streams/block_pool.h"

#include <gtest/gtest.h>

#include <set>

namespace uturn {
namespace {

TEST(BlockPool, GivesAsManyBlocksAsItsLimit) {
  BlockPool pool(kBlocksPerSlab + 3);
  std::set<Block*> blocks;
  while (Block* const block = pool.take()) blocks.insert(block);
  EXPECT_EQ(blocks.size(), kBlocksPerSlab + 3) << "all different";
  EXPECT_EQ(pool.taken(), kBlocksPerSlab + 3);
  EXPECT_EQ(pool.available(), 0u);

  pool.give_back(*blocks.begin());
  EXPECT_EQ(pool.available(), 1u);
  EXPECT_EQ(pool.take(), *blocks.begin());
  EXPECT_EQ(pool.take(), nullptr);
  for (Block* const block : blocks) pool.give_back(block);
}

TEST(BlockPool, ABlockComesWithoutItsPast) {
  BlockPool pool(2);
  Block* const first = pool.take();
  Block* const second = pool.take();
  first->next = second;
  first->messages = 7;
  pool.give_back(second);
  pool.give_back(first);
  Block* const again = pool.take();
  EXPECT_EQ(again->next, nullptr);
  EXPECT_EQ(again->messages, 0u);
  pool.give_back(again);
}

TEST(BlockPool, MayBeEmpty) {
  BlockPool pool(0);
  EXPECT_EQ(pool.take(), nullptr);
}

TEST(BlockPoolDeathTest, ABlockThatIsNotGivenBackIsNoticed) {
  EXPECT_DEATH({ BlockPool(1).take(); }, "taken_ == 0");
}

}  // namespace
}  // namespace uturn
