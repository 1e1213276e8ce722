// Deferred requests: a slow directory answers late, never, or after everything has changed.
#include "tests/relay/test_relay.h"

namespace uturn {
namespace {

TestSettings slow() { return {.has_slow_directory = true}; }

TEST(Deferred, RequestIsAnsweredWhenTheDirectoryIs) {
  TestRelay relay(slow());
  auto& carol = relay.client("192.0.2.1:4000", "carol");
  EXPECT_TRUE(carol.allocate().is_none());
  EXPECT_TRUE(relay.last_was_deferred());
  EXPECT_EQ(relay.at().pending(), 1u);
  relay.directory_answers();
  EXPECT_TRUE(carol.answer().is_success());
  EXPECT_EQ(relay.at().pending(), 0u);
  EXPECT_EQ(relay.counters().resumed_answers, 1u);
}

TEST(Deferred, RetransmissionsJoinAndAreAnsweredOnce) {
  TestRelay relay(slow());
  auto& carol = relay.client("192.0.2.1:4000", "carol");
  carol.allocate();
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(carol.repeat().is_none());
  EXPECT_EQ(relay.directory->questions(), 1u);
  EXPECT_EQ(relay.counters().pending_joined, 5u);
  relay.directory_answers();
  EXPECT_TRUE(carol.answer().is_success());
  EXPECT_TRUE(carol.hears_nothing());
}

TEST(Deferred, UnknownUserOrWrongPasswordIsChallengedThen) {
  TestRelay relay(slow());
  auto& mallory = relay.client("192.0.2.1:4000", "mallory");
  mallory.allocate();
  relay.directory_answers();
  EXPECT_EQ(mallory.answer().error(), 401);
  auto& carol = relay.client("192.0.2.1:4001", "carol");
  carol.has_password("guess");
  carol.allocate();
  relay.directory_answers();
  EXPECT_EQ(carol.answer().error(), 401);
}

TEST(Deferred, ByADirectoryThatFailsEndsInSilence) {
  TestRelay relay(slow());
  auto& carol = relay.client("192.0.2.1:4000", "carol");
  carol.allocate();
  relay.directory_fails();
  EXPECT_EQ(relay.last_drop(), DropReason::directory_failed);
  EXPECT_TRUE(carol.hears_nothing());
  EXPECT_EQ(relay.counters().resumed_drops, 1u);
  EXPECT_TRUE(carol.repeat().is_none()) << "the retransmission asks anew";
  relay.directory_answers();
  EXPECT_TRUE(carol.answer().is_success());
}

TEST(Deferred, ByADirectoryThatIsGoneIsAnswered500) {
  TestRelay relay(slow());
  auto& carol = relay.client("192.0.2.1:4000", "carol");
  carol.allocate();
  relay.answer_ticket(relay.directory->answer_next().ticket, UserUnavailable{});
  EXPECT_EQ(carol.answer().error(), 500);
}

TEST(Deferred, BrokenDirectoryIsSilentAtOnce) {
  TestRelay relay(slow());
  relay.directory->break_down();
  auto& carol = relay.client("192.0.2.1:4000", "carol");
  EXPECT_TRUE(carol.allocate().is_none());
  EXPECT_EQ(relay.last_drop(), DropReason::directory_failed);
  EXPECT_TRUE(relay.client("192.0.2.2:4000", "alice").allocate().is_success())
      << "static users do not wait for it";
}

TEST(Deferred, RequestExpiresAfterTenSecondsAndALateAnswerFindsNobody) {
  TestRelay relay(slow());
  auto& carol = relay.client("192.0.2.1:4000", "carol");
  carol.allocate();
  const auto late = relay.directory->answer_next();
  relay.passes(9s);
  EXPECT_EQ(relay.at().pending(), 1u);
  relay.passes(2s);
  EXPECT_EQ(relay.at().pending(), 0u);
  EXPECT_EQ(relay.counters().pending_expired, 1u);
  relay.answer_ticket(late.ticket, late.answer);
  EXPECT_TRUE(carol.hears_nothing());
  EXPECT_EQ(relay.at().allocations(), 0u);
}

TEST(Deferred, LateAnswerIsNotTakenForTheNextRequestInItsPlace) {
  TestRelay relay(slow());
  auto& mallory = relay.client("192.0.2.1:4000", "mallory");
  mallory.allocate();
  const auto late = relay.directory->answer_next();
  relay.passes(11s);
  auto& carol = relay.client("192.0.2.2:4000", "carol");
  carol.allocate();
  relay.answer_ticket(late.ticket, late.answer);
  EXPECT_TRUE(carol.hears_nothing());
  relay.directory_answers();
  EXPECT_TRUE(carol.answer().is_success());
}

// The directory is asked before the message is found too long to wait: its answer is nobody's.
TEST(Deferred, AnswerForARequestTooLongToWaitIsNotTakenForTheNextOne) {
  TestRelay relay(slow());
  auto& mallory = relay.client("192.0.2.1:4000", "mallory");
  mallory.allocate(
      [](auto& m) { m.add(AttributeType{0xFF01}, std::vector<uint8_t>(kPendingMessageSize)); });
  EXPECT_EQ(relay.last_drop(), DropReason::pending_too_long);
  auto& carol = relay.client("192.0.2.2:4000", "carol");
  carol.allocate();
  relay.directory_answers();  // about mallory: unknown
  EXPECT_TRUE(carol.hears_nothing());
  relay.directory_answers();
  EXPECT_TRUE(carol.answer().is_success());
}

TEST(Deferred, RequestsAreBounded) {
  TestSettings settings = slow();
  settings.relay.limits.pending_requests = 2;
  TestRelay relay(std::move(settings));
  auto& carol = relay.client("192.0.2.1:4000", "carol");
  auto& dave = relay.client("192.0.2.2:4000", "dave");
  carol.allocate();
  dave.allocate();
  auto& third = relay.client("192.0.2.3:4000", "carol");
  EXPECT_TRUE(third.allocate().is_none());
  EXPECT_EQ(relay.last_drop(), DropReason::pending_full);
  EXPECT_TRUE(relay.client("192.0.2.4:4000", "alice").allocate().is_success());
  relay.directory_answers();
  relay.directory_answers();
  EXPECT_TRUE(carol.answer().is_success());
  EXPECT_TRUE(dave.answer().is_success());
  EXPECT_TRUE(third.hears_nothing());  // nobody was asked for the third
  EXPECT_TRUE(third.repeat().is_none());
  relay.directory_answers();
  EXPECT_TRUE(third.answer().is_success());
}

TEST(Deferred, WaitingCostsTheSourceAsMuchAsAnAnswer) {
  TestSettings settings = slow();
  settings.relay.limits.answers_burst = 2;
  settings.relay.limits.answers_per_second = 1;
  TestRelay relay(std::move(settings));
  relay.client("192.0.2.1:4000", "carol").allocate();  // a challenge, and a place to wait
  auto& other_port = relay.client("192.0.2.1:4001", "carol");
  EXPECT_TRUE(other_port.allocate().is_none());
  EXPECT_EQ(relay.last_drop(), DropReason::answer_rate);
  relay.directory_answers();
}

TEST(Deferred, TwoRequestsOfOneClientGiveOneAllocation) {
  TestRelay relay(slow());
  auto& carol = relay.client("192.0.2.1:4000", "carol");
  carol.allocate();
  carol.allocate();
  relay.directory_answers();
  relay.directory_answers();
  EXPECT_TRUE(carol.answer().is_success());
  EXPECT_EQ(carol.answer().error(), 437);
  EXPECT_EQ(relay.at().allocations(), 1u);
}

TEST(Deferred, UserWithAnAllocationIsNotAskedForAgain) {
  TestRelay relay(slow());
  auto& carol = relay.client("192.0.2.1:4000", "carol");
  carol.allocate();
  relay.directory_answers();
  carol.answer();
  relay.directory->break_down();
  EXPECT_TRUE(carol.refresh().is_success());
  EXPECT_TRUE(carol.create_permission("198.51.100.7:0").is_success());
  EXPECT_EQ(relay.directory->questions(), 1u);
}

TEST(Deferred, RequestMayWaitForTheDirectoryAndThenForAShard) {
  TestSettings settings = slow();
  settings.shards = 2;
  TestRelay relay(std::move(settings));
  auto& carol = relay.client("192.0.2.1:4000", "carol", 0);
  carol.allocate([](auto& m) { m.add_even_port(true); });
  relay.directory_answers();
  const auto token = carol.answer().token();
  ASSERT_TRUE(token);
  auto& second = relay.client("192.0.2.1:4001", "carol", 1);
  second.allocate([&](auto& m) { m.add_u64(AttributeType::reservation_token, *token); });
  const auto answer = relay.directory->answer_next();
  relay.answer_ticket(answer.ticket, answer.answer, 1);
  EXPECT_EQ(relay.questions_between_shards(), 1u);
  EXPECT_TRUE(second.hears_nothing());
  relay.shards_answer();
  EXPECT_TRUE(second.answer().is_success());
}

}  // namespace
}  // namespace uturn
