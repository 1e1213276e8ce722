// Messages between shards: bounded, in order for each sender, never lost without saying so.
#include "server/shard_channel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace uturn {
namespace {

ReservationClaim claim(uint8_t from, uint64_t token) {
  return {.from = from, .waiting = {}, .token = token, .owner = "alice"};
}

std::vector<uint64_t> tokens_for(ShardChannel& channel, uint8_t shard) {
  std::vector<uint64_t> tokens;
  const auto note = [&](const ShardMessage& message) {
    tokens.push_back(std::get<ReservationClaim>(message).token);
  };
  while (channel.receive(shard, note)) {
  }
  return tokens;
}

TEST(ShardChannel, AMessageWakesWhomItIsForAndNobodyElse) {
  std::vector<uint8_t> woken;
  ShardChannel channel(3, [&](uint8_t shard) { woken.push_back(shard); });
  EXPECT_FALSE(channel.send(0, 2, claim(0, 7)));
  EXPECT_EQ(woken, std::vector<uint8_t>{2});
  EXPECT_TRUE(tokens_for(channel, 0).empty());
  EXPECT_TRUE(tokens_for(channel, 1).empty());
  EXPECT_EQ(tokens_for(channel, 2), std::vector<uint64_t>{7});
}

TEST(ShardChannel, AFullRingGivesTheMessageBack) {
  ShardChannel channel(2, [](uint8_t) {});
  for (uint64_t i = 0; i < ShardChannel::kCapacity; ++i) {
    ASSERT_FALSE(channel.send(0, 1, claim(0, i)));
  }
  const auto refused = channel.send(0, 1, claim(0, 4'711));
  ASSERT_TRUE(refused);
  EXPECT_EQ(std::get<ReservationClaim>(*refused).token, 4'711U);
  EXPECT_EQ(std::get<ReservationClaim>(*refused).owner, "alice");

  // Another sender's ring has room.
  EXPECT_FALSE(channel.send(1, 1, claim(1, 1)));
  EXPECT_EQ(tokens_for(channel, 1).size(), ShardChannel::kCapacity + 1);
  EXPECT_FALSE(channel.send(0, 1, claim(0, 4'711)));
}

TEST(ShardChannel, WhoeverIsNoShardIsRefusedByAFullRingToo) {
  ShardChannel channel(1, [](uint8_t) {});
  for (size_t i = 0; i < ShardChannel::kCapacity; ++i) {
    ASSERT_FALSE(channel.send_from_outside(0, UserReply{.ticket = i, .answer = UserUnknown{}}));
  }
  const auto refused = channel.send_from_outside(0, StopShard{});
  ASSERT_TRUE(refused);
  EXPECT_TRUE(std::holds_alternative<StopShard>(*refused));
}

// A sender that never stops costs a pass one round, and the others have theirs.
TEST(ShardChannel, ARoundIsBoundedAndSaysThatThereIsMore) {
  ShardChannel channel(2, [](uint8_t) {});
  channel.send(0, 1, claim(0, 1));
  channel.send(1, 1, claim(1, 1));

  std::vector<uint8_t> senders;
  const auto answer_each_with_another = [&](const ShardMessage& message) {
    senders.push_back(std::get<ReservationClaim>(message).from);
    ASSERT_LE(senders.size(), 1'000U) << "the round does not end";
    if (senders.back() == 0) channel.send(0, 1, claim(0, 1));
  };
  EXPECT_TRUE(channel.receive(1, answer_each_with_another));
  EXPECT_EQ(senders.back(), 1);
}

TEST(ShardChannel, EverySenderIsHeardInItsOrder) {
  constexpr uint8_t kShards = 4;
  constexpr uint64_t kEach = 20'000;
  std::atomic<uint64_t> wakes = 0;
  ShardChannel channel(kShards, [&](uint8_t) { ++wakes; });
  std::vector<std::thread> senders;
  for (uint8_t from = 1; from < kShards; ++from) {
    senders.emplace_back([&channel, from] {
      for (uint64_t i = 0; i < kEach; ++i) {
        while (channel.send(from, 0, claim(from, i))) std::this_thread::yield();
      }
    });
  }
  // Two threads that are no shards share a ring: in their order each, whatever the mixture.
  for (const char* name : {"database", "webhook"}) {
    senders.emplace_back([&channel, name] {
      for (uint64_t i = 0; i < kEach; ++i) {
        User user;
        user.username = name;
        while (channel.send_from_outside(0, UserReply{.ticket = i, .answer = user})) {
          std::this_thread::yield();
        }
      }
    });
  }

  std::map<std::string, uint64_t> next;
  uint64_t received = 0;
  const auto note = [&](const ShardMessage& message) {
    ++received;
    if (const auto* asked = std::get_if<ReservationClaim>(&message)) {
      ASSERT_EQ(asked->token, next[std::to_string(asked->from)]++);
    } else {
      const auto& reply = std::get<UserReply>(message);
      ASSERT_EQ(reply.ticket, next[std::get<User>(reply.answer).username]++);
    }
  };
  while (received < 5 * kEach) {
    if (!channel.receive(0, note)) std::this_thread::yield();
  }
  for (std::thread& sender : senders) sender.join();
  EXPECT_EQ(next.size(), 5U);
  EXPECT_EQ(wakes, 5 * kEach);
}

}  // namespace
}  // namespace uturn
