// The credential store on a real SQLite file: coturn's tables, and ours beside them.
#include <gmock/gmock.h>

#include "server/directories/credential_store.h"
#include "tests/server/temporary_directory.h"

namespace uturn {
namespace {

using testing::IsEmpty;

struct StoreTest : testing::Test {
  std::unique_ptr<CredentialStore> open(bool may_write = true) {
    const auto url = DatabaseUrl::parse("sqlite://" + file);
    auto store = connect_store(*url, {.may_write = may_write, .may_create = may_write});
    EXPECT_TRUE(store.has_value());
    if (may_write) {
      EXPECT_TRUE((*store)->prepare().has_value());
    }
    return *std::move(store);
  }
  static StoredKeys keys(char digit, bool has_sha256 = true) {
    return {Secret(std::string(32, digit)), Secret(std::string(has_sha256 ? 64 : 0, digit))};
  }
  TemporaryDirectory directory;
  std::string file = directory.path("turndb");
};

TEST_F(StoreTest, KeepsUsersByRealm) {
  const auto store = open();
  ASSERT_TRUE(store->put_user("a.example", "dora", keys('1')).has_value());
  EXPECT_EQ((*store->find_user("a.example", "dora"))->md5.reveal(), std::string(32, '1'));
  EXPECT_EQ((*store->find_user("a.example", "dora"))->sha256.reveal(), std::string(64, '1'));
  EXPECT_FALSE((*store->find_user("b.example", "dora")).has_value());
  ASSERT_TRUE(store->put_user("a.example", "dora", keys('2')).has_value());
  EXPECT_EQ((*store->find_user("a.example", "dora"))->md5.reveal(), std::string(32, '2'));
  EXPECT_TRUE(*store->remove_user("a.example", "dora"));
  EXPECT_FALSE(*store->remove_user("a.example", "dora"));
}

TEST_F(StoreTest, NamesAreValuesAndNeverStatements) {
  const auto store = open();
  const std::string name = "x'; DROP TABLE turnusers_lt; --";
  ASSERT_TRUE(store->put_user("r", name, keys('1')).has_value());
  ASSERT_TRUE(store->find_user("r", name)->has_value());
  const auto users = store->list_users("r");
  ASSERT_EQ(users->size(), 1U);
  EXPECT_EQ(users->front().name, name);
}

TEST_F(StoreTest, SaysWhetherEveryUserHasASha256Key) {
  const auto store = open();
  EXPECT_TRUE(*store->has_sha256_of_all("r"));
  ASSERT_TRUE(store->put_user("r", "new", keys('1')).has_value());
  EXPECT_TRUE(*store->has_sha256_of_all("r"));
  ASSERT_TRUE(store->put_user("r", "old", keys('2', false)).has_value());
  EXPECT_FALSE(*store->has_sha256_of_all("r"));
  EXPECT_TRUE(*store->has_sha256_of_all("another realm"));
}

TEST_F(StoreTest, ReadsSecretsByRealm) {
  const auto store = open();
  ASSERT_TRUE(store->add_secret("r", Secret("one")).has_value());
  ASSERT_TRUE(store->add_secret("r", Secret("one")).has_value()) << "twice is once";
  ASSERT_TRUE(store->add_secret("r", Secret("two")).has_value());
  const auto settings = store->read_settings();
  ASSERT_TRUE(settings.has_value());
  EXPECT_EQ(settings->secrets.at("r").size(), 2U);
  EXPECT_TRUE(settings->keeps_sha256);
  EXPECT_TRUE(*store->remove_secret("r", Secret("one")));
  EXPECT_EQ(store->list_secrets("r")->size(), 1U);
}

TEST_F(StoreTest, AFileThatIsReplacedIsNotReadOn) {
  const auto store = open();
  ASSERT_TRUE(store->put_user("r", "dora", keys('1')).has_value());
  std::rename(file.c_str(), (file + ".old").c_str());
  const auto gone = store->find_user("r", "dora");
  ASSERT_FALSE(gone.has_value());
  EXPECT_TRUE(gone.error().is_gone);
}

TEST(StoredSettings, CountsWhatItDoesNotUnderstand) {
  StoredSettings settings;
  settings.add_option("r", "max-bps", "64000");
  settings.add_option("r", "user-quota", "many");
  settings.add_option("r", "unheard-of", "1");
  settings.add_peers(true, "", "10.0.0.1-10.0.0.9");
  settings.add_peers(false, "r", "somewhere");
  EXPECT_EQ(settings.realm_options.at("r").max_bps, 64'000U);
  EXPECT_EQ(settings.allowed_peers.at("").size(), 1U);
  EXPECT_THAT(settings.denied_peers, IsEmpty());
  EXPECT_EQ(settings.unreadable, 3U);
}

}  // namespace
}  // namespace uturn
