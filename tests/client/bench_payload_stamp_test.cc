// PayloadStamp: packets are known again, and each counts once.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <set>

#include "client/tools/bench/payload_stamp.h"

namespace uturn {
namespace {

using Verdict = SequenceWindow::Verdict;

constexpr PayloadStamp kStamp{
    .run = 0x12345678, .flow = 7, .sequence = 99, .turned_after = 0, .time = Instant{1234567ns}};

std::array<uint8_t, 40> stamped() {
  std::array<uint8_t, 40> payload{};
  write_stamp(std::span{payload}.first<kStampSize>(), kStamp);
  return payload;
}

TEST(PayloadStamp, IsReadAsItWasWritten) {
  const auto payload = stamped();
  const auto stamp = read_stamp(payload, kStamp.run);
  ASSERT_TRUE(stamp);
  EXPECT_EQ(stamp->flow, 7u);
  EXPECT_EQ(stamp->sequence, 99u);
  EXPECT_EQ(stamp->time, kStamp.time);
  EXPECT_FALSE(stamp->is_echo());
}

TEST(PayloadStamp, OfAnotherRunOrCutShortIsNone) {
  const auto payload = stamped();
  EXPECT_FALSE(read_stamp(payload, kStamp.run + 1));
  EXPECT_FALSE(read_stamp(Bytes{payload}.first(kStampSize - 1), kStamp.run));
  EXPECT_TRUE(read_stamp(Bytes{payload}.first(kStampSize), kStamp.run));
}

TEST(PayloadStamp, AnEchoKnowsWhenItWasTurnedBack) {
  auto payload = stamped();
  turn_stamp(payload, kStamp, kStamp.time + 250us);
  const auto stamp = read_stamp(payload, kStamp.run);
  ASSERT_TRUE(stamp);
  EXPECT_TRUE(stamp->is_echo());
  EXPECT_EQ(stamp->turned_at(), kStamp.time + 250us);
  EXPECT_EQ(stamp->time, kStamp.time);
}

TEST(PayloadStamp, AnEchoAtOnceOrAfterAnAgeIsStillAnEcho) {
  auto payload = stamped();
  turn_stamp(payload, kStamp, kStamp.time);
  EXPECT_TRUE(read_stamp(payload, kStamp.run)->is_echo());
  turn_stamp(payload, kStamp, kStamp.time + 10s);
  EXPECT_EQ(read_stamp(payload, kStamp.run)->turned_after, UINT32_MAX);
}

TEST(SequenceWindow, TellsOrderedReorderedAndDuplicateApart) {
  SequenceWindow window;
  EXPECT_EQ(window.take(0), Verdict::in_order);
  EXPECT_EQ(window.take(2), Verdict::in_order);
  EXPECT_EQ(window.take(1), Verdict::reordered);
  EXPECT_EQ(window.take(1), Verdict::duplicate);
  EXPECT_EQ(window.take(2), Verdict::duplicate);
  EXPECT_EQ(window.take(0), Verdict::duplicate);
}

TEST(SequenceWindow, ForgetsWhatIsFarBelow) {
  SequenceWindow window;
  EXPECT_EQ(window.take(5'000), Verdict::in_order);
  EXPECT_EQ(window.take(5'000 - SequenceWindow::kSize), Verdict::too_old);
  EXPECT_EQ(window.take(5'000 - SequenceWindow::kSize / 2), Verdict::reordered);
}

TEST(SequenceWindow, AJumpLeavesNothingOfTheOldNumbersBehind) {
  SequenceWindow window;
  for (uint32_t i = 0; i < SequenceWindow::kSize; ++i) window.take(i);
  EXPECT_EQ(window.take(10 * SequenceWindow::kSize), Verdict::in_order);
  EXPECT_EQ(window.take(10 * SequenceWindow::kSize - 1), Verdict::reordered);
}

// Against a set that forgets nothing: numbers that wander forwards, as a network reorders them.
TEST(SequenceWindow, AgreesWithASetWithinItsReach) {
  SequenceWindow window;
  std::set<uint32_t> seen;
  uint32_t highest = 0;
  for (uint32_t i = 0; i < 20'000; ++i) {
    const uint32_t ahead = i * i % 79;
    const uint32_t sequence = highest + 40 > ahead ? highest + 40 - ahead : 0;
    const bool is_higher = seen.empty() || sequence > highest;
    const bool is_new = seen.insert(sequence).second;
    const Verdict expected = is_higher ? Verdict::in_order
                             : is_new  ? Verdict::reordered
                                       : Verdict::duplicate;
    ASSERT_EQ(window.take(sequence), expected) << sequence << " after " << highest;
    highest = std::max(highest, sequence);
  }
}

}  // namespace
}  // namespace uturn
