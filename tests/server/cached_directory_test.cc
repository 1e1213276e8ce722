// What stands between shards and a slow source: memory, single flight, bounds, an end to waiting.
#include "server/directories/cached_directory.h"

#include <gmock/gmock.h>

#include <deque>

#include "io/clock.h"

namespace uturn {
namespace {

/// Answers when the test says so.
class FakeSource final : public UserSource {
 public:
  void start(OnAnswer on_answer) override { on_answer_ = std::move(on_answer); }
  void ask(DirectoryQuestion question) override { asked.push_back(std::move(question)); }
  bool is_gone() const override { return gone; }
  void stop() override {}

  void answer(SourceAnswer answer) {
    const DirectoryQuestion question = std::move(asked.front());
    asked.pop_front();
    on_answer_(question, std::move(answer));
  }
  std::deque<DirectoryQuestion> asked;
  bool gone = false;

 private:
  OnAnswer on_answer_;
};

/// The time is the real one, moved on; nothing here waits for it.
struct World {
  explicit World(DirectorySettings with = {}) : settings(with) { directory.start(); }
  ~World() { directory.stop(); }

  Now now() const { return {Clock().monotonic() + passed, {}}; }
  std::string ask(std::string_view name, DirectoryTicket ticket, uint8_t shard = 0) {
    const auto found =
        directory.look_up(shard, {.username = name, .realm = "example.org"}, ticket, now());
    if (std::holds_alternative<UserPending>(found)) return "pending";
    if (std::holds_alternative<UserUnknown>(found)) return "unknown";
    if (std::holds_alternative<UserTryLater>(found)) return "try later";
    if (const auto* user = std::get_if<User>(&found)) return user->username;
    return "unavailable";
  }
  static SourceFound found(const std::string& name) {
    return {User{.username = name, .quota_id = name}};
  }
  std::vector<std::string> told() {
    const std::scoped_lock lock(mutex);
    return std::exchange(told_, {});
  }

  DirectorySettings settings;
  FakeSource source;
  Duration passed{};
  std::mutex mutex;
  std::vector<std::string> told_;
  CachedDirectory directory{
      settings, source, [this](uint8_t shard, DirectoryTicket ticket, UserAnswer answer) {
        const char* const what = std::holds_alternative<User>(answer)          ? "user"
                                 : std::holds_alternative<UserUnknown>(answer) ? "unknown"
                                                                               : "unavailable";
        const std::scoped_lock lock(mutex);
        told_.push_back(std::to_string(shard) + "/" + std::to_string(ticket) + " " + what);
        return true;
      }};
};

using testing::ElementsAre;
using testing::IsEmpty;

TEST(CachedDirectory, AsksOnceHoweverManyWait) {
  World world;
  EXPECT_EQ(world.ask("dora", 1, 0), "pending");
  EXPECT_EQ(world.ask("dora", 2, 1), "pending");
  EXPECT_EQ(world.source.asked.size(), 1U);
  world.source.answer(World::found("dora"));
  EXPECT_THAT(world.told(), ElementsAre("0/1 user", "1/2 user"));
  EXPECT_EQ(world.ask("dora", 3), "dora") << "and remembers";
  const auto counters = world.directory.counters();
  EXPECT_EQ(counters.misses, 1U);
  EXPECT_EQ(counters.joined, 1U);
  EXPECT_EQ(counters.hits, 1U);
}

TEST(CachedDirectory, ForgetsAfterItsTime) {
  World world;
  world.ask("dora", 1);
  world.source.answer(World::found("dora"));
  world.ask("nobody", 2);
  world.source.answer(UserUnknown{});
  world.passed = 9s;
  EXPECT_EQ(world.ask("nobody", 3), "unknown");
  world.passed = 11s;
  EXPECT_EQ(world.ask("nobody", 4), "pending") << "for there may be one by now";
  EXPECT_EQ(world.ask("dora", 5), "dora");
  world.passed = 61s;
  EXPECT_EQ(world.ask("dora", 6), "pending");
}

TEST(CachedDirectory, TheSourceMaySayForHowLong) {
  World world;
  world.ask("guest", 1);
  world.source.answer(SourceFound{User{.username = "guest"}, Duration{}});
  EXPECT_EQ(world.ask("guest", 2), "pending");
}

TEST(CachedDirectory, KnownUsersGoOnWhileTheSourceIsGone) {
  World world;
  world.ask("dora", 1);
  world.source.answer(World::found("dora"));
  world.source.gone = true;
  world.passed = 30min;
  EXPECT_EQ(world.ask("dora", 2), "dora");
  EXPECT_EQ(world.directory.counters().stale_hits, 1U);
  world.passed = 61min;
  EXPECT_EQ(world.ask("dora", 3), "pending") << "not for ever";
}

TEST(CachedDirectory, AFailureIs500ForStrangersAndNotForWhoWasKnown) {
  World world;
  world.ask("dora", 1);
  world.source.answer(World::found("dora"));
  world.passed = 2min;
  world.ask("dora", 2);
  world.ask("stranger", 3);
  world.source.answer(SourceFailed{});
  world.source.answer(SourceFailed{});
  EXPECT_THAT(world.told(), ElementsAre("0/1 user", "0/2 user", "0/3 unavailable"));
  EXPECT_EQ(world.directory.counters().unavailable, 1U);
}

TEST(CachedDirectory, WhoWaitedLongEnoughGets500AndALateAnswerIsStillRemembered) {
  World world;
  world.ask("dora", 1);
  world.directory.expire(world.now().monotonic + 4s);
  EXPECT_THAT(world.told(), ElementsAre("0/1 unavailable"));
  world.source.answer(World::found("dora"));
  EXPECT_THAT(world.told(), IsEmpty());
  EXPECT_EQ(world.ask("dora", 2), "dora");
}

TEST(CachedDirectory, MayCallStrangersUnknownWhileTheSourceIsGone) {
  World world(DirectorySettings{.unknown_while_gone = true});
  world.ask("stranger", 1);
  world.source.answer(SourceFailed{});
  EXPECT_THAT(world.told(), ElementsAre("0/1 unknown"));
  EXPECT_EQ(world.ask("stranger", 2), "pending") << "which is not remembered";
}

TEST(CachedDirectory, ItsQueueIsBounded) {
  World world(DirectorySettings{.queue = 2});
  EXPECT_EQ(world.ask("a", 1), "pending");
  EXPECT_EQ(world.ask("b", 2), "pending");
  EXPECT_EQ(world.ask("c", 3), "try later");
  EXPECT_EQ(world.ask("a", 4), "pending") << "which asks nothing new";
  EXPECT_EQ(world.directory.counters().refused, 1U);
}

TEST(CachedDirectory, InventedNamesPushNoUserOut) {
  World world(DirectorySettings{.cache_size = 2});
  world.ask("dora", 1);
  world.source.answer(World::found("dora"));
  for (int i = 0; i < 10; ++i) {
    world.ask("invented" + std::to_string(i), 2);
    world.source.answer(UserUnknown{});
  }
  EXPECT_EQ(world.directory.counters().cached, 3U);
  EXPECT_EQ(world.ask("dora", 3), "dora");
  EXPECT_EQ(world.ask("invented9", 4), "unknown");
  EXPECT_EQ(world.ask("invented1", 5), "pending") << "the oldest went first";
}

TEST(CachedDirectory, WhatIsNoTextIsNobodysName) {
  World world;
  for (const std::string_view name :
       {std::string_view(""), std::string_view("a\0b", 3), std::string_view("\xC3"),
        std::string_view("\xC0\x80"), std::string_view("\xED\xA0\x80"),
        std::string_view("\xF5\x80\x80\x80"), std::string_view("\xE0\x80\x80")}) {
    EXPECT_EQ(world.ask(name, 1), "unknown");
  }
  EXPECT_TRUE(world.source.asked.empty());
  EXPECT_EQ(world.ask("Zo\xC3\xAB \xE2\x82\xAC \xF0\x9F\x98\x80", 1), "pending");
}

}  // namespace
}  // namespace uturn
