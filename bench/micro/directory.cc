// A user of a database: remembered, asked for in the same thread, and asked for as shards do it.
#include <sqlite3.h>

#include <atomic>
#include <filesystem>
#include <string>

#include "bench/micro/samples.h"
#include "io/clock.h"
#include "server/directories/cached_directory.h"
#include "server/directories/credential_store.h"
#include "server/directories/database_pool.h"

namespace uturn {
namespace {

constexpr uint32_t kUsers = 10'000;
constexpr std::string_view kRealm = "example.org";

std::string user_name(uint32_t i) { return "user-" + std::to_string(i); }

/// A file of that many users, gone with it.
class UserFile {
 public:
  UserFile() {
    std::string name = (std::filesystem::temp_directory_path() / "uturn-bench-XXXXXX").string();
    CHECK(::mkdtemp(name.data()) != nullptr);
    directory_ = name;
    const auto url = DatabaseUrl::parse("sqlite://" + (directory_ / "turndb").string());
    CHECK(url);
    url_ = *url;
    auto store = connect_store(url_, {.may_write = true, .may_create = true});
    CHECK(store && (*store)->prepare());
    fill();
  }
  ~UserFile() { std::filesystem::remove_all(directory_); }

  std::unique_ptr<CredentialStore> connect() const {
    auto store = connect_store(url_, {});
    CHECK(store);
    return *std::move(store);
  }

 private:
  void fill() const {
    const std::string rows =
        "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < " +
        std::to_string(kUsers) + ") INSERT INTO turnusers_lt (realm, name, hmackey) SELECT '" +
        std::string(kRealm) + "', 'user-' || i, lower(hex(randomblob(16))) FROM n";
    sqlite3* database = nullptr;
    CHECK(sqlite3_open((directory_ / "turndb").c_str(), &database) == SQLITE_OK);
    CHECK(sqlite3_exec(database, rows.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK);
    sqlite3_close(database);
  }

  std::filesystem::path directory_;
  DatabaseUrl url_;
};

/// The directory of a shard, and the database behind it by one connection.
struct Asked {
  explicit Asked(const DirectorySettings& settings)
      : pool(
            1, [this] { return Stored<std::unique_ptr<CredentialStore>>(file.connect()); },
            [](bool, const std::string&) {}),
        directory(settings, pool, [this](uint8_t, DirectoryTicket, const UserAnswer& answer) {
          CHECK(std::holds_alternative<User>(answer));
          ++answers;
          answers.notify_one();
          return true;
        }) {
    directory.start();
  }
  ~Asked() { directory.stop(); }

  UserLookup look_up(const std::string& name) {
    const Now now{Clock().monotonic(), {}};
    return directory.look_up(0, {.username = name, .realm = kRealm}, 0, now);
  }
  void wait_for(uint32_t count) {
    for (uint32_t seen = answers; seen < count; seen = answers) answers.wait(seen);
  }

  UserFile file;
  std::atomic<uint32_t> answers{0};
  DatabasePool pool;
  CachedDirectory directory;
};

void remembered(benchmark::State& state) {
  Asked asked({.cache_ttl = std::chrono::hours(1), .queue = kUsers});
  std::vector<std::string> names;
  for (uint32_t i = 0; i < kUsers; ++i) names.push_back(user_name(i));
  for (const std::string& name : names) asked.look_up(name);
  asked.wait_for(kUsers);
  Walk walk(shuffled(kUsers));
  for (auto _ : state) {
    CHECK(std::holds_alternative<User>(asked.look_up(names[walk.next()])));
  }
  set_rates(state, 0);
}
BENCHMARK(remembered)->Name("directory/remembered");

void found_in_sqlite(benchmark::State& state) {
  const UserFile file;
  const auto store = file.connect();
  Walk walk(shuffled(kUsers));
  for (auto _ : state) {
    const auto keys = store->find_user(kRealm, user_name(walk.next()));
    CHECK(keys && *keys);
  }
  set_rates(state, 0);
}
BENCHMARK(found_in_sqlite)->Name("directory/sqlite_find");

/// 64 questions under way, as when many clients come at once: another thread asks the database.
void asked_of_sqlite(benchmark::State& state) {
  constexpr uint32_t kBatch = 64;
  Asked asked({.cache_ttl = {}});
  Walk walk(shuffled(kUsers));
  uint32_t count = 0;
  for (auto _ : state) {
    for (uint32_t i = 0; i < kBatch; ++i) {
      CHECK(std::holds_alternative<UserPending>(asked.look_up(user_name(walk.next()))));
    }
    asked.wait_for(count += kBatch);
  }
  set_rates(state, 0, kBatch);
}
BENCHMARK(asked_of_sqlite)->Name("directory/sqlite_asked_64")->UseRealTime();

/// All of a batch want the same user: one question serves them.
void joined(benchmark::State& state) {
  constexpr uint32_t kBatch = 64;
  Asked asked({.cache_ttl = {}});
  uint32_t count = 0;
  for (auto _ : state) {
    for (uint32_t i = 0; i < kBatch; ++i) asked.look_up(user_name(7));
    asked.wait_for(count += kBatch);
  }
  state.counters["questions"] = benchmark::Counter(
      static_cast<double>(asked.directory.counters().misses) / static_cast<double>(count));
  set_rates(state, 0, kBatch);
}
BENCHMARK(joined)->Name("directory/sqlite_joined_64")->UseRealTime();

}  // namespace
}  // namespace uturn
