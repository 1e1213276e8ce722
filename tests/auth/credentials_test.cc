// Keys, static users, REST names and passwords, and the randomness behind them.
#include <gmock/gmock.h>

#include <array>
#include <map>
#include <set>

#include "auth/key.h"
#include "auth/random.h"
#include "auth/rest_secrets.h"
#include "auth/static_users.h"

namespace uturn {
namespace {

TEST(Key, IsTheExampleOfTheRfc) {
  const Key key = Key::derive(PasswordAlgorithm::md5, "user", "realm", "pass");
  EXPECT_EQ(key, *Key::from_hex("8493fbc53ba582fb4c044c456bdc40eb"));
  EXPECT_EQ(key.bytes().size(), 16U);
}

TEST(Key, IsThatOfTheVectors) {
  constexpr std::string_view kMatrix = "マトリックス";
  EXPECT_EQ(Key::derive(PasswordAlgorithm::md5, kMatrix, "example.org", "TheMatrIX"),
            *Key::from_hex("e8ca7ad59d5eb0518e312911d2dab2a9"));
  EXPECT_EQ(Key::derive(PasswordAlgorithm::sha256, kMatrix, "example.org", "TheMatrIX"),
            *Key::from_hex("dd295a613b9058c3c23d6dc7165bda072304d989c9d0af3a8c7e184b4f9bb4a1"));
  const auto hash = userhash(kMatrix, "example.org");
  EXPECT_TRUE(equal(
      hash,
      Key::from_hex("4a3cf38fef6992bda952c6780417da0f24819415569e60b205c46e41407f1704")->bytes()));
}

TEST(Key, ReadsHexWithAndWithoutPrefixInEitherCase) {
  EXPECT_EQ(*Key::from_hex("0x8493FBC53BA582FB4C044C456BDC40EB"),
            *Key::from_hex("8493fbc53ba582fb4c044c456bdc40eb"));
  for (const char* text :
       {"", "0x", "8493", "8493fbc53ba582fb4c044c456bdc40e", "8493fbc53ba582fb4c044c456bdc40eg",
        "8493fbc53ba582fb4c044c456bdc40eb0", "0x0x93fbc53ba582fb4c044c456bdc40eb"}) {
    EXPECT_FALSE(Key::from_hex(text)) << text;
  }
}

TEST(Key, OfAnotherAlgorithmIsAnotherKey) {
  const std::string half(32, '0');
  EXPECT_FALSE(*Key::from_hex(half) == *Key::from_hex(half + half));
}

TEST(Key, AlgorithmsAreAvailableHere) {
  EXPECT_TRUE(is_available(PasswordAlgorithm::md5));
  EXPECT_TRUE(is_available(PasswordAlgorithm::sha256));
}

TEST(StaticUsers, KnowSha256UntilSomeoneHasOnlyAnMd5Key) {
  StaticUsers users{"realm"};
  users.add_password("alice", "wonderland");
  EXPECT_TRUE(users.knows_sha256());
  users.add_key("user", Key::derive(PasswordAlgorithm::md5, "user", "realm", "pass"));
  EXPECT_FALSE(users.knows_sha256());
  users.add_key("user", Key::derive(PasswordAlgorithm::sha256, "user", "realm", "pass"));
  EXPECT_TRUE(users.knows_sha256());
  EXPECT_EQ(users.size(), 2U);
}

TEST(StaticUsers, AreFoundByNameAndByHash) {
  StaticUsers users{"realm"};
  users.add_password("alice", "wonderland");
  const auto by_name = users.look_up({.username = "alice"}, 0, {});
  ASSERT_TRUE(std::holds_alternative<User>(by_name));
  EXPECT_EQ(std::get<User>(by_name).quota_id, "alice");
  const auto hash = userhash("alice", "realm");
  const auto by_hash = users.look_up({.userhash = hash}, 0, {});
  ASSERT_TRUE(std::holds_alternative<User>(by_hash));
  EXPECT_EQ(std::get<User>(by_hash).username, "alice");
  EXPECT_TRUE(std::holds_alternative<UserUnknown>(users.look_up({.username = "bob"}, 0, {})));
  EXPECT_TRUE(std::holds_alternative<UserUnknown>(users.look_up({.username = ""}, 0, {})));
}

TEST(RestName, HasThreeForms) {
  const auto form = [](std::string_view name, char separator = ':') -> std::string {
    const auto parsed = parse_rest_name(name, separator);
    if (!parsed) return "none";
    return std::to_string(parsed->expires_at.time_since_epoch().count()) + " " +
           std::string{parsed->id};
  };
  EXPECT_EQ(form("1700000000:bob"), "1700000000 bob");
  EXPECT_EQ(form("bob:1700000000"), "1700000000 bob");
  EXPECT_EQ(form("1700000000"), "1700000000 ");
  EXPECT_EQ(form("1700000000:@a:example.org"), "1700000000 @a:example.org");
  EXPECT_EQ(form("@a:example.org:1700000000"), "1700000000 @a:example.org");
  EXPECT_EQ(form("1700000000:"), "1700000000 ");
  EXPECT_EQ(form(":1700000000"), "1700000000 ");
  EXPECT_EQ(form("1700000000:1800000000"), "1700000000 1800000000");
  EXPECT_EQ(form("1700000000|bob", '|'), "1700000000 bob");
  EXPECT_EQ(form("1700000000:bob", '|'), "none");
}

TEST(RestName, IsNoOtherName) {
  for (const char* name :
       {"", ":", "bob", "alice:bob", "-1:bob", "+1:bob", " 1:bob", "1 :bob", "0x1:bob", "1e9:bob",
        "9223372036854775808:bob", "99999999999999999999999999:bob", "12a"}) {
    EXPECT_FALSE(parse_rest_name(name, ':')) << '"' << name << '"';
  }
}

TEST(RestName, IsReadBackAsMade) {
  const CalendarTime expiry{1'700'003'600s};
  EXPECT_EQ(make_rest_name(expiry, "bob"), "1700003600:bob");
  EXPECT_EQ(make_rest_name(expiry, ""), "1700003600");
  const std::string name = make_rest_name(expiry, "@a:b", '|');
  EXPECT_EQ(parse_rest_name(name, '|')->expires_at, expiry);
  EXPECT_EQ(parse_rest_name(name, '|')->id, "@a:b");
}

// Made with: printf 1700000000:bob | openssl dgst -sha1 -hmac north -binary | openssl base64
TEST(RestPassword, IsBase64OfHmacSha1) {
  EXPECT_EQ(rest_password("north", "1700000000:bob"), "7tNSWpJ3gOxGfEgOjt+kaWhBC20=");
}

// The same with -sha256.
TEST(RestPassword, IsBase64OfHmacSha256WhereSaid) {
  EXPECT_EQ(rest_password("north", "1700000000:bob", RestHash::sha256),
            "YZuHw4E5LbQ85ww0TqV7zCNUb2+dmGdGeotl/n33V+U=");
}

TEST(RestSecrets, GiveOneCandidateForEachSecret) {
  const RestSecrets secrets{"realm", {"north", "south"}};
  ASSERT_EQ(secrets.candidates(), 2U);
  const std::string name = "1700000000:bob";
  for (size_t i = 0; i < 2; ++i) {
    const auto user = secrets.candidate(i, name, PasswordAlgorithm::md5);
    const auto by_sha256 = secrets.candidate(i, name, PasswordAlgorithm::sha256);
    ASSERT_TRUE(user && by_sha256);
    EXPECT_EQ(user->expires_at, CalendarTime{1'700'000'000s});
    EXPECT_EQ(user->quota_id, "bob");
    const std::string password = rest_password(i == 0 ? "north" : "south", name);
    EXPECT_EQ(user->md5, Key::derive(PasswordAlgorithm::md5, name, "realm", password));
    EXPECT_FALSE(user->sha256) << "nobody asked for it";
    EXPECT_EQ(by_sha256->sha256, Key::derive(PasswordAlgorithm::sha256, name, "realm", password));
  }
  EXPECT_FALSE(secrets.candidate(0, "bob", PasswordAlgorithm::md5));
}

TEST(RestSecrets, TakePasswordsByEitherHashWhereSaid) {
  const std::string name = "1700000000:bob";
  const auto password_is_good = [&](RestHash configured, RestHash used) {
    const RestSecrets secrets{"realm", {"south", "north"}, {.hash = configured}};
    const Key key =
        Key::derive(PasswordAlgorithm::md5, name, "realm", rest_password("north", name, used));
    for (size_t i = 0; i < secrets.candidates(); ++i) {
      if (secrets.candidate(i, name, PasswordAlgorithm::md5)->md5 == key) return true;
    }
    return false;
  };
  EXPECT_TRUE(password_is_good(RestHash::sha1, RestHash::sha1));
  EXPECT_FALSE(password_is_good(RestHash::sha1, RestHash::sha256));
  EXPECT_TRUE(password_is_good(RestHash::sha256, RestHash::sha256));
  EXPECT_FALSE(password_is_good(RestHash::sha256, RestHash::sha1));
  EXPECT_TRUE(password_is_good(RestHash::any, RestHash::sha1));
  EXPECT_TRUE(password_is_good(RestHash::any, RestHash::sha256));
}

/// Plays back numbers.
class ScriptedRandom final : public Random {
 public:
  explicit ScriptedRandom(std::vector<uint64_t> numbers) : numbers_(std::move(numbers)) {}
  void fill(MutableBytes out) override {
    CHECK(out.size() == 8 && next_ < numbers_.size());
    store_be64(out.data(), numbers_[next_++]);
  }
  size_t drawn() const { return next_; }

 private:
  std::vector<uint64_t> numbers_;
  size_t next_ = 0;
};

TEST(Random, BelowRejectsTheUnevenShare) {
  // 2^64 mod 3 = 1: zero is one value too many.
  ScriptedRandom random{{0, 1}};
  EXPECT_EQ(random.below(3), 1U);
  EXPECT_EQ(random.drawn(), 2U);
  ScriptedRandom power_of_two{{0}};
  EXPECT_EQ(power_of_two.below(4), 0U);
}

TEST(Random, BelowStaysBelowAndReachesEverything) {
  CsprngRandom random;
  std::map<uint64_t, int> counts;
  for (int i = 0; i < 4000; ++i) ++counts[random.below(4)];
  ASSERT_EQ(counts.size(), 4U);
  // Sixteen standard deviations: false once in far more runs than there will be.
  for (const auto& [value, count] : counts) EXPECT_NEAR(count, 1000, 440) << value;
  EXPECT_EQ(random.below(1), 0U);
}

// CVE-2025-69217: nonces and ports from a predictable source.
TEST(CsprngRandom, NeverRepeatsItselfAcrossBlocksAndInstances) {
  std::set<uint64_t> seen;
  CsprngRandom a;
  CsprngRandom b;
  for (int i = 0; i < 1000; ++i) {
    EXPECT_TRUE(seen.insert(a.next_u64()).second);
    EXPECT_TRUE(seen.insert(b.next_u64()).second);
  }
}

TEST(CsprngRandom, FillsEveryByteOfEverySize) {
  CsprngRandom random;
  for (const size_t size : {0U, 1U, 7U, 500U, 512U, 513U, 5000U}) {
    std::vector<uint8_t> ever_set(size);
    // Each byte is zero 16 times in a row once in 2^128.
    for (int round = 0; round < 16; ++round) {
      std::vector<uint8_t> out(size);
      random.fill(out);
      for (size_t i = 0; i < size; ++i) ever_set[i] |= out[i];
    }
    EXPECT_THAT(ever_set, ::testing::Each(::testing::Ne(0))) << size;
  }
}

}  // namespace
}  // namespace uturn
