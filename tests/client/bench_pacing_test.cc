// Pacing: turns by number and not by habit, and a window that losses do not narrow.
#include <gtest/gtest.h>

#include "client/tools/bench/pacing.h"

namespace uturn {
namespace {

constexpr Instant kStart{1'000s};

std::vector<Turn> turns_until(OpenLoopPacer& pacer, Instant now) {
  std::vector<Turn> turns;
  while (const auto turn = pacer.take_due(now)) turns.push_back(*turn);
  return turns;
}

TEST(TurnSchedule, TurnsGoRoundTheAllocationsAtEqualDistances) {
  TurnSchedule schedule{1'000, 2, 160, 3, kStart};
  for (uint32_t i = 0; i < 7; ++i) {
    const Turn turn = schedule.take();
    EXPECT_EQ(turn.allocation, i % 3);
    EXPECT_EQ(turn.packets, 2);
    EXPECT_EQ(turn.payload, 160);
    EXPECT_EQ(turn.at, kStart + i * 1ms);
  }
}

TEST(TurnSchedule, AnAwkwardRateDoesNotDriftInAnHour) {
  TurnSchedule schedule{30'000.0 / 7, 1, 100, 10, kStart};
  const uint64_t in_an_hour = 3'600ull * 30'000 / 7;
  for (uint64_t i = 0; i < in_an_hour; ++i) schedule.take();
  EXPECT_NEAR(static_cast<double>((schedule.next_at() - kStart).count()), 3'600e9, 1e6);
}

TEST(TurnSchedule, KnowsWhatWasDueAndNotTaken) {
  TurnSchedule schedule{1'000, 1, 100, 1, kStart};
  EXPECT_EQ(schedule.due_before(kStart), 0u);
  EXPECT_EQ(schedule.due_before(kStart + 1ns), 1u);
  EXPECT_EQ(schedule.due_before(kStart + 10ms), 10u);
  schedule.take();
  schedule.take();
  EXPECT_EQ(schedule.due_before(kStart + 10ms), 8u);
}

TEST(OpenLoopPacer, LatenessDoesNotMoveTheTurnsBehindIt) {
  BenchOptions options;
  options.allocations = 1;
  options.rate = 100;
  OpenLoopPacer pacer{options, 1, kStart};
  EXPECT_EQ(turns_until(pacer, kStart).size(), 1u);
  EXPECT_EQ(pacer.next_at(), kStart + 10ms);
  const auto late = turns_until(pacer, kStart + 55ms);  // nobody asked for 55 ms
  ASSERT_EQ(late.size(), 5u);
  EXPECT_EQ(late.front().at, kStart + 10ms);
  EXPECT_EQ(late.back().at, kStart + 50ms);
  EXPECT_EQ(pacer.next_at(), kStart + 60ms);
}

TEST(OpenLoopPacer, AThreadTakesItsShareOfTheRate) {
  BenchOptions options;
  options.allocations = 100;
  options.rate = 1'000;
  OpenLoopPacer pacer{options, 25, kStart};
  EXPECT_EQ(pacer.packets_due_before(kStart + 1s), 250u);
}

TEST(OpenLoopPacer, ABurstIsOneTurnAtTheRateOfItsPackets) {
  BenchOptions options;
  options.allocations = 2;
  options.rate = 800;
  options.burst = 8;
  OpenLoopPacer pacer{options, 2, kStart};
  const auto turns = turns_until(pacer, kStart + 999ms);
  ASSERT_EQ(turns.size(), 100u);
  EXPECT_EQ(turns[0].packets, 8u);
  EXPECT_EQ(turns[1].at - turns[0].at, 10ms);
}

TEST(OpenLoopPacer, VideoFramesAndAudioKeepTheirOwnTimesAndSizes) {
  BenchOptions options;
  options.allocations = 2;
  options.payload = 1200;
  options.frames = VideoFrames{8, 25};
  options.audio_rate = 50;
  OpenLoopPacer pacer{options, 2, kStart};
  uint32_t video = 0;
  uint32_t audio = 0;
  Instant last = kStart;
  for (const Turn& turn : turns_until(pacer, kStart + 999ms)) {
    EXPECT_GE(turn.at, last) << "the earliest turn comes first";
    last = turn.at;
    if (turn.payload == 1200) video += turn.packets;
    if (turn.payload == kAudioPayload) audio += turn.packets;
  }
  EXPECT_EQ(video, 2u * 25 * 8);
  EXPECT_EQ(audio, 2u * 50);
}

TEST(OutstandingWindow, HasRoomForWhatCameBack) {
  OutstandingWindow window{4};
  window.sent(kStart, 4);
  EXPECT_EQ(window.room(), 0u);
  window.received(kStart);
  EXPECT_EQ(window.room(), 1u);
}

TEST(OutstandingWindow, GivesUpWhatDoesNotComeBack) {
  OutstandingWindow window{4};
  window.sent(kStart, 3);
  window.sent(kStart + 100ms, 1);
  window.expire(kStart + 190ms);
  EXPECT_EQ(window.room(), 0u);
  window.expire(kStart + 220ms);
  EXPECT_EQ(window.room(), 3u);
  window.expire(kStart + 320ms);
  EXPECT_TRUE(window.is_empty());
}

TEST(OutstandingWindow, WhatComesBackAfterThatFreesNothingTwice) {
  OutstandingWindow window{4};
  window.sent(kStart, 2);
  window.expire(kStart + 1s);
  window.sent(kStart + 1s, 4);
  window.received(kStart);
  window.received(kStart);
  EXPECT_EQ(window.room(), 0u);
}

TEST(OutstandingWindow, ATimeThatSharesAPlaceWithAnOldOneTakesOverFromIt) {
  OutstandingWindow window{4};
  window.sent(kStart, 3);
  window.sent(kStart + 210ms, 1);  // nobody called expire() in between
  EXPECT_EQ(window.room(), 3u);
}

}  // namespace
}  // namespace uturn
