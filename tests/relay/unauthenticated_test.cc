// What strangers get: little, and only so much of it a second.
#include "tests/relay/test_relay.h"

namespace uturn {
namespace {

TestSettings with_budget(uint32_t per_second, uint32_t burst) {
  TestSettings settings;
  settings.relay.limits.answers_per_second = per_second;
  settings.relay.limits.answers_burst = burst;
  return settings;
}

TEST(Binding, SaysHowTheClientLooksAndNothingElse) {
  TestRelay relay;
  const Message v4 = relay.client("192.0.2.1:4000").binding();
  EXPECT_TRUE(v4.is_success());
  EXPECT_EQ(v4.attributes(), std::vector{AttributeType::xor_mapped_address});
  EXPECT_EQ(v4.address(AttributeType::xor_mapped_address), address("192.0.2.1:4000"));
  const Message v6 = relay.client("[2001:db8::1]:4000").binding();
  EXPECT_EQ(v6.address(AttributeType::xor_mapped_address), address("[2001:db8::1]:4000"));
}

TEST(Binding, WithUnknownAttributesNamesThem) {
  TestRelay relay;
  const Message answer = relay.client("192.0.2.1:4000").binding([](auto& m) {
    m.add_change_request({.change_ip = true, .change_port = false});
  });
  EXPECT_EQ(answer.error(), 420);
  EXPECT_EQ(answer.unknown(), std::vector{AttributeType::change_request});
  EXPECT_EQ(answer.reason(), "");
}

TEST(Strangers, AreToldNoSoftwareAndNoReason) {
  TestRelay relay;
  auto& stranger = relay.client("192.0.2.1:4000");
  const Message challenge = stranger.unsigned_request(Method::allocate);
  EXPECT_EQ(challenge.attributes(),
            (std::vector{AttributeType::error_code, AttributeType::realm, AttributeType::nonce,
                         AttributeType::password_algorithms}));
  EXPECT_EQ(challenge.reason(), "");
  EXPECT_LE(challenge.size(), 112u);
  EXPECT_LE(stranger.binding().size(), 32u);
}

TEST(AnswerBudget, BindingAndChallengesAreCountedApart) {
  TestRelay relay(with_budget(10, 3));
  auto& stranger = relay.client("192.0.2.1:4000");
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(stranger.binding().is_none());
  EXPECT_TRUE(stranger.binding().is_none());
  EXPECT_EQ(relay.last_drop(), DropReason::answer_rate);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(stranger.unsigned_request(Method::allocate).error(), 401);
  }
  EXPECT_TRUE(stranger.unsigned_request(Method::allocate).is_none());
  EXPECT_FALSE(relay.client("192.0.2.2:4000").binding().is_none()) << "another source";
  relay.passes(100ms);
  EXPECT_FALSE(stranger.binding().is_none());
  EXPECT_TRUE(stranger.binding().is_none());
}

TEST(AnswerBudget, IsSharedByASlash64) {
  TestRelay relay(with_budget(1, 1));
  EXPECT_FALSE(relay.client("[2001:db8::1]:4000").binding().is_none());
  EXPECT_TRUE(relay.client("[2001:db8::2]:4000").binding().is_none());
  EXPECT_FALSE(relay.client("[2001:db8:0:1::1]:4000").binding().is_none());
}

TEST(AnswerBudget, DoesNotConcernAFiveTupleWithAnAllocation) {
  TestRelay relay(with_budget(1, 1));
  auto& alice = relay.client("192.0.2.1:4000");
  EXPECT_TRUE(alice.allocate().is_none()) << "the challenge was the one answer";
  relay.passes(1s);
  EXPECT_TRUE(alice.allocate().is_success());
  auto& stranger = relay.client("192.0.2.1:4001");
  stranger.unsigned_request(Method::allocate);
  stranger.binding();
  EXPECT_TRUE(stranger.binding().is_none());
  EXPECT_TRUE(stranger.unsigned_request(Method::allocate).is_none());
  for (int i = 0; i < 100; ++i) {
    EXPECT_FALSE(alice.binding().is_none());
    EXPECT_EQ(alice.unsigned_request(Method::refresh).error(), 401);
    EXPECT_TRUE(alice.refresh().is_success());
  }
}

// A captured request can be replayed from any forged source: its signature proves no address.
TEST(AnswerBudget, CountsStaleNoncesToo) {
  TestRelay relay(with_budget(1, 3));
  auto& alice = relay.client("192.0.2.1:4000");
  alice.has_nonce("of another address");
  size_t answers = 0;
  for (int i = 0; i < 10; ++i) answers += alice.allocate().is_none() ? 0 : 1;
  EXPECT_EQ(answers, 3u);
}

}  // namespace
}  // namespace uturn
