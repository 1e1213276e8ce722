// The outgoing queue: in which order messages leave, and which are dropped.
#include "server/streams/outgoing_queue.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace uturn {
namespace {

class Outgoing : public testing::Test {
 protected:
  bool push(std::string_view text, Droppable droppable = Droppable::yes) {
    return queue->push({bytes_of(text).first(1), bytes_of(text).subspan(1)}, droppable, now);
  }
  bool push_answer(std::string_view text) { return push(text, Droppable::no); }
  std::string gathered(size_t most = SIZE_MAX, size_t spans = 64) {
    std::vector<Bytes> filled(spans);
    filled.resize(queue->gather(filled, most, now));
    std::string text;
    for (const Bytes span : filled) text += text_of(span);
    return text;
  }
  std::string leave(size_t most = SIZE_MAX) {
    const std::string text = gathered(most);
    queue->sent(text.size());
    return text;
  }
  BlockPool pool{64};
  SharedOutgoing shared{.pool = pool, .max_bytes = 10, .max_age = 500ms};
  std::optional<OutgoingQueue> queue{shared};
  Now now{Instant{1h}, {}};
};

TEST_F(Outgoing, MessagesLeaveInOrder) {
  EXPECT_TRUE(push("abc"));
  EXPECT_TRUE(push("de"));
  EXPECT_EQ(queue->bytes(), 5u);
  EXPECT_EQ(leave(), "abcde");
  EXPECT_TRUE(queue->empty());
}

TEST_F(Outgoing, HeaderPayloadAndPaddingAreOneMessage) {
  EXPECT_TRUE(queue->push({bytes_of("head"), bytes_of("x"), 3}, Droppable::yes, now));
  EXPECT_EQ(leave(), std::string("headx\0\0\0", 8));
}

TEST_F(Outgoing, AnswersLeaveBeforeData) {
  push("data");
  push_answer("1");
  push_answer("2");
  EXPECT_EQ(leave(), "12data");
}

TEST_F(Outgoing, NothingComesIntoTheMiddleOfAMessage) {
  push("data");
  EXPECT_EQ(leave(2), "da");
  push_answer("1");
  push("next");
  EXPECT_EQ(leave(3), "ta1");
  EXPECT_EQ(leave(), "next");
}

TEST_F(Outgoing, AFullQueueDropsTheOldestData) {
  push("aaaa");
  push("bbbb");
  EXPECT_TRUE(push("cccc"));
  EXPECT_EQ(leave(), "bbbbcccc");
  EXPECT_EQ(shared.dropped_full, 1u);
}

TEST_F(Outgoing, AMessageThatHasBegunIsNotTorn) {
  push("aaaa");
  EXPECT_EQ(leave(1), "a");
  push("bbbb");
  EXPECT_TRUE(push("cccc"));
  EXPECT_EQ(leave(), "aaacccc");
  EXPECT_EQ(shared.dropped_full, 1u);
}

TEST_F(Outgoing, AnAnswerMakesDataGoButNotAnswers) {
  push("aaaa");
  push_answer("1111");
  EXPECT_TRUE(push_answer("2222"));
  EXPECT_FALSE(push_answer("3333"));
  EXPECT_EQ(shared.dropped_full, 2u);
  EXPECT_EQ(leave(), "11112222");
}

TEST_F(Outgoing, WhatCanNeverFitDropsNothingElse) {
  push("aaaa");
  EXPECT_FALSE(push("01234567890"));
  EXPECT_TRUE(push("012345"));
  EXPECT_EQ(leave(), "aaaa012345");
  EXPECT_EQ(shared.dropped_full, 1u);
}

TEST_F(Outgoing, OldDataIsDropped) {
  push("aaaa");
  now.monotonic += 300ms;
  push("bb");
  EXPECT_EQ(queue->next_drop(), Instant{1h} + 500ms);
  now.monotonic += 200ms;
  EXPECT_EQ(gathered(), "bb");
  EXPECT_EQ(shared.dropped_old, 1u);
  now.monotonic += 300ms;
  queue->drop_old(now);
  EXPECT_TRUE(queue->empty());
  EXPECT_EQ(queue->next_drop(), kNever);
  EXPECT_EQ(pool.taken(), 0u);
}

TEST_F(Outgoing, NeitherAnswersNorWhatHasBegunGrowTooOld) {
  push("aaaa");
  EXPECT_EQ(leave(1), "a");
  push_answer("1");
  now.monotonic += 1h;
  EXPECT_EQ(queue->next_drop(), kNever);
  EXPECT_EQ(leave(), "aaa1");
  EXPECT_EQ(shared.dropped_old, 0u);
}

TEST_F(Outgoing, WithoutBlocksAMessageIsDropped) {
  shared.max_bytes = 1'000'000;
  const std::string block(kBlockBytes - 16, 'x');  // behind what is noted about it
  for (uint32_t i = 0; i < 64; ++i) EXPECT_TRUE(push(block));
  EXPECT_EQ(pool.available(), 0u);
  EXPECT_FALSE(push("y"));
  EXPECT_FALSE(push_answer("1"));
  EXPECT_EQ(shared.dropped_without_block, 2u);
  EXPECT_EQ(leave(block.size()), block);
  EXPECT_TRUE(push("y"));
}

TEST_F(Outgoing, AMessageThatDoesNotFitTheRestOfThePoolLeavesItAlone) {
  shared.max_bytes = 1'000'000;
  EXPECT_FALSE(push(std::string(65 * kBlockBytes, 'x')));
  EXPECT_EQ(pool.taken(), 0u);
  EXPECT_TRUE(push(std::string(64 * kBlockBytes - 16, 'x')));
}

TEST_F(Outgoing, BlocksOfDroppedDataGoBackFromBehindAMessageThatLeaves) {
  shared.max_bytes = 100'000;
  push(std::string(100, 'a'));
  leave(1);
  for (int i = 0; i < 1'000; ++i) push(std::string(10'000, 'b'));
  EXPECT_LE(pool.taken(), 100'000 / kBlockBytes + 3);
  now.monotonic += 1h;
  queue->drop_old(now);
  EXPECT_EQ(pool.taken(), 1u) << "99 bytes are to leave still";
  push("c");
  EXPECT_EQ(leave(), std::string(99, 'a') + "c");
  EXPECT_EQ(pool.taken(), 0u);
}

TEST_F(Outgoing, GatheringIsBoundedInSpansAndBytes) {
  shared.max_bytes = 100'000;
  for (int i = 0; i < 10; ++i) push("abcd");
  EXPECT_EQ(gathered(SIZE_MAX, 3), "abcdabcdabcd");
  EXPECT_EQ(gathered(6), "abcdab");
  EXPECT_EQ(gathered(0), "");
  EXPECT_EQ(gathered(SIZE_MAX, 0), "");
  EXPECT_EQ(queue->bytes(), 40u) << "gathered is not sent";
}

TEST_F(Outgoing, AConnectionThatEndsGivesItsBlocksBack) {
  push("abc");
  leave(1);
  push("de");
  push_answer("1");
  queue.reset();
  EXPECT_EQ(pool.taken(), 0u);
}

}  // namespace
}  // namespace uturn
