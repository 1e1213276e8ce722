// Connections on threads: many ask at once, the database comes and goes, everybody gets an answer.
#include "server/directories/database_pool.h"

#include <gmock/gmock.h>

#include <future>

#include "io/clock.h"

namespace uturn {
namespace {

/// A database in memory that can be switched off.
struct FakeDatabase {
  std::atomic<bool> is_up{true};
  std::atomic<int> finds{0};
};

class FakeStore final : public CredentialStore {
 public:
  explicit FakeStore(FakeDatabase& database) : database_(database) {}
  Stored<std::optional<StoredKeys>> find_user(std::string_view, std::string_view name) override {
    ++database_.finds;
    if (!database_.is_up) return Failure{StoreError{"down", true}};
    if (name.starts_with("nobody")) return std::optional<StoredKeys>{};
    return std::optional(StoredKeys{Secret(std::string(32, 'a')), Secret(std::string(64, 'b'))});
  }
  Stored<StoredSettings> read_settings() override { return StoredSettings{}; }
  Stored<bool> has_sha256_of_all(std::string_view) override { return true; }
  Stored<Done> prepare() override { return Done{}; }
  Stored<Done> put_user(std::string_view, std::string_view, const StoredKeys&) override {
    return Done{};
  }
  Stored<bool> remove_user(std::string_view, std::string_view) override { return true; }
  Stored<std::vector<ListedUser>> list_users(std::string_view) override {
    return std::vector<ListedUser>{};
  }
  Stored<Done> add_secret(std::string_view, const Secret&) override { return Done{}; }
  Stored<bool> remove_secret(std::string_view, const Secret&) override { return true; }
  Stored<std::vector<Secret>> list_secrets(std::string_view) override {
    return std::vector<Secret>{};
  }

 private:
  FakeDatabase& database_;
};

/// A directory over a pool; answers are counted as they come.
struct World {
  explicit World(DirectorySettings with) : settings(with) { directory.start(); }
  ~World() { directory.stop(); }

  bool ask(const std::string& name) {
    const UserQuestion question{.username = name, .realm = "example.org"};
    return std::holds_alternative<UserPending>(
        directory.look_up(0, question, 1, {Clock().monotonic(), {}}));
  }
  void wait_for(size_t count) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return users + unknown + unavailable >= count; });
  }

  DirectorySettings settings;
  FakeDatabase database;
  std::mutex mutex;
  std::condition_variable changed;
  size_t users = 0;
  size_t unknown = 0;
  size_t unavailable = 0;
  DatabasePool pool{
      4,
      [this]() -> Stored<std::unique_ptr<CredentialStore>> {
        if (!database.is_up) return Failure{StoreError{"down", true}};
        return std::unique_ptr<CredentialStore>(std::make_unique<FakeStore>(database));
      },
      [](bool, const std::string&) {}};
  CachedDirectory directory{settings, pool,
                            [this](uint8_t, DirectoryTicket, const UserAnswer& answer) {
                              const std::scoped_lock lock(mutex);
                              ++(std::holds_alternative<User>(answer)          ? users
                                 : std::holds_alternative<UserUnknown>(answer) ? unknown
                                                                               : unavailable);
                              changed.notify_all();
                              return true;
                            }};
};

TEST(DatabasePool, AnswersEverybodyWhoeverAsks) {
  World world({});
  std::vector<std::thread> shards;
  std::atomic<size_t> pending{0};
  for (int shard = 0; shard < 4; ++shard) {
    shards.emplace_back([&, shard] {
      for (int i = 0; i < 200; ++i) {
        const char* const kind = i % 2 == 0 ? "user" : "nobody";
        if (world.ask(kind + std::to_string(shard) + "-" + std::to_string(i))) ++pending;
      }
    });
  }
  for (std::thread& shard : shards) shard.join();
  EXPECT_EQ(pending, 800U);
  world.wait_for(800);
  EXPECT_EQ(world.users, 400U);
  EXPECT_EQ(world.unknown, 400U);
  EXPECT_EQ(world.database.finds, 800);
}

TEST(DatabasePool, AQuestionWaitsForADatabaseThatComesBackInTime) {
  World world({.answer_within = 20s});
  world.database.is_up = false;
  ASSERT_TRUE(world.ask("dora"));
  world.database.is_up = true;
  world.wait_for(1);
  EXPECT_EQ(world.users, 1U);
}

TEST(DatabasePool, OfOneThatStaysAwayGets500) {
  World world({.answer_within = 50ms});
  world.database.is_up = false;
  ASSERT_TRUE(world.ask("dora"));
  world.wait_for(1);
  EXPECT_EQ(world.unavailable, 1U);
}

TEST(DatabasePool, StopsWhileItWaits) {
  World world({});
  world.database.is_up = false;
  EXPECT_TRUE(world.ask("dora"));
}

}  // namespace
}  // namespace uturn
