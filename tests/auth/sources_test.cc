// Where users come from: allocations that run, static users, REST secrets, slow directories.
#include <gtest/gtest.h>

#include "slow_directory.h"
#include "test_realm.h"

namespace uturn {
namespace {

const Identity& identity(const AuthVerdict& verdict) {
  CHECK(std::holds_alternative<Accepted>(verdict));
  return std::get<Accepted>(verdict).identity;
}

/// A realm whose databases take their time.
struct SlowRealm : TestRealm {
  std::shared_ptr<SlowDirectory> first = std::make_shared<SlowDirectory>();
  std::shared_ptr<SlowDirectory> second = std::make_shared<SlowDirectory>();
  SlowRealm() { directories = {first, second}; }
};

TEST(RestCredential, EachOfSeveralSecretsIsGood) {
  TestRealm realm;
  realm.with_secrets({"north", "south", "west"});
  for (const std::string secret : {"north", "south", "west"}) {
    const std::string name = "1800003600:bob";
    const auto verdict = realm.check(realm.old_request(name, rest_password(secret, name)));
    ASSERT_EQ(describe(verdict), "accepted " + name) << secret;
    EXPECT_EQ(identity(verdict).quota_id, "bob");
  }
  const std::string name = "1800003600:bob";
  EXPECT_EQ(describe(realm.check(realm.old_request(name, rest_password("east", name)))),
            "401 unknown user, challenge");
}

TEST(RestCredential, WorksBySha256Too) {
  TestRealm realm;
  realm.with_secrets({"north"});
  const std::string name = "bob:1800003600";
  EXPECT_EQ(describe(realm.check(realm.new_request(name, rest_password("north", name)))),
            "accepted " + name);
}

TEST(RestCredential, QuotaNeverCountsByTheTimestamp) {
  TestRealm realm;
  realm.with_secrets({"north"});
  const auto quota_id_of = [&](const std::string& name) {
    return identity(realm.check(realm.old_request(name, rest_password("north", name)))).quota_id;
  };
  EXPECT_EQ(quota_id_of("1800003600:@a:example.org"), "@a:example.org");
  EXPECT_EQ(quota_id_of("@a:example.org:1800003601"), "@a:example.org");
  EXPECT_EQ(quota_id_of("1800003600"), "");
}

TEST(RestCredential, ExpiresAtItsSecond) {
  TestRealm realm;
  realm.with_secrets({"north"});
  const std::string name = "1800000060:bob";
  const std::string password = rest_password("north", name);
  realm.pass(59s);
  EXPECT_EQ(describe(realm.check(realm.old_request(name, password))), "accepted " + name);
  realm.pass(1s);
  EXPECT_EQ(describe(realm.check(realm.old_request(name, password))), "401 expired, challenge");
}

TEST(RestCredential, IsGoodForTheGraceBehindItsExpiry) {
  TestRealm realm;
  realm.with_secrets({"north"}, {.grace = 30s});
  const std::string name = "1800000060:bob";
  const std::string password = rest_password("north", name);
  realm.pass(89s);
  EXPECT_EQ(describe(realm.check(realm.old_request(name, password))), "accepted " + name);
  realm.pass(1s);
  EXPECT_EQ(describe(realm.check(realm.old_request(name, password))), "401 expired, challenge");
  const std::string never = "9223372036854775807:bob";
  EXPECT_EQ(describe(realm.check(realm.old_request(never, rest_password("north", never)))),
            "accepted " + never);
}

// NetBird's names are bare expiries, Matrix's ids hold the separator themselves.
TEST(RestCredential, TakesTheNamesOfEveryApplication) {
  TestRealm realm;
  realm.with_secrets({"north"});
  for (const std::string name : {"1800003600", "1800003600:@alice:example.org",
                                 "@alice:example.org:1800003600", "1800003600:"}) {
    EXPECT_EQ(describe(realm.check(realm.old_request(name, rest_password("north", name)))),
              "accepted " + name);
  }
}

TEST(RestCredential, TheSeparatorCanBeAnother) {
  TestRealm realm;
  realm.with_secrets({"north"}, {.separator = '|'});
  const std::string name = "1800003600|@alice:example.org";
  const auto verdict = realm.check(realm.old_request(name, rest_password("north", name)));
  ASSERT_EQ(describe(verdict), "accepted " + name);
  EXPECT_EQ(identity(verdict).quota_id, "@alice:example.org");
}

TEST(RestCredential, ExpiryIsToldOnlyToWhoProvedThePassword) {
  TestRealm realm;
  realm.with_secrets({"north"});
  EXPECT_EQ(describe(realm.check(realm.old_request("1700000000:bob", "guess"))),
            "401 unknown user, challenge");
}

TEST(Sources, AStaticUserDecidesBeforeTheSecrets) {
  TestRealm realm;
  const std::string name = "1800003600:bob";
  realm.users->add_password(name, "static");
  realm.with_secrets({"north"});
  EXPECT_EQ(describe(realm.check(realm.old_request(name, "static"))), "accepted " + name);
  EXPECT_EQ(describe(realm.check(realm.old_request(name, rest_password("north", name)))),
            "401 wrong password, challenge");
}

TEST(Sources, StaticUsersAndSecretsWorkTogether) {
  SlowRealm realm;
  realm.with_secrets({"north"});
  EXPECT_EQ(describe(realm.check(realm.old_request("alice", "wonderland"))), "accepted alice");
  const std::string name = "1800003600:alice";
  EXPECT_EQ(describe(realm.check(realm.old_request(name, rest_password("north", name)))),
            "accepted " + name);
  EXPECT_EQ(realm.first->questions(), 0U);
}

TEST(Sources, ANameOfTheRestFormThatNoSecretFitsMayBeADirectorys) {
  SlowRealm realm;
  realm.with_secrets({"north"});
  realm.first->add_password("1234:bob", "database");
  const TestRequest request = realm.old_request("1234:bob", "database");
  ASSERT_EQ(describe(realm.check(request)), "pending");
  EXPECT_EQ(describe(realm.complete(request, realm.first->answer_next().answer)),
            "accepted 1234:bob");
}

TEST(SlowUser, IsAcceptedWhenTheAnswerComes) {
  SlowRealm realm;
  realm.first->add_password("carol", "database");
  const TestRequest request = realm.new_request("carol", "database");
  ASSERT_EQ(describe(realm.check(request, nullptr, 42)), "pending");
  const auto [ticket, answer] = realm.first->answer_next();
  EXPECT_EQ(ticket, 42U);
  EXPECT_EQ(describe(realm.complete(request, answer)), "accepted carol");
}

TEST(SlowUser, IsVerifiedWhenTheAnswerComes) {
  SlowRealm realm;
  realm.first->add_password("carol", "database");
  const TestRequest request = realm.new_request("carol", "guess");
  ASSERT_EQ(describe(realm.check(request)), "pending");
  EXPECT_EQ(describe(realm.complete(request, realm.first->answer_next().answer)),
            "401 wrong password, challenge");
}

TEST(SlowUser, TheNonceMayGoStaleWhileTheDirectoryThinks) {
  SlowRealm realm;
  realm.first->add_password("carol", "database");
  const TestRequest request = realm.new_request("carol", "database");
  ASSERT_EQ(describe(realm.check(request)), "pending");
  realm.pass(2h);
  EXPECT_EQ(describe(realm.complete(request, realm.first->answer_next().answer)),
            "438 stale nonce, challenge, signed");
}

TEST(SlowUser, UnknownInOneDirectoryIsLookedForInTheNext) {
  SlowRealm realm;
  realm.second->add_password("dave", "other");
  const TestRequest request = realm.old_request("dave", "other");

  const auto verdict = realm.check(request, nullptr, 42);
  ASSERT_EQ(describe(verdict), "pending");
  const Asked first{.ticket = 42, .directory = std::get<Pending>(verdict).directory};
  const auto again = realm.complete(request, realm.first->answer_next().answer, nullptr, first);
  ASSERT_EQ(describe(again), "pending");

  const auto [ticket, answer] = realm.second->answer_next();
  EXPECT_EQ(ticket, 42U);
  const Asked second{.ticket = ticket, .directory = std::get<Pending>(again).directory};
  EXPECT_EQ(describe(realm.complete(request, answer, nullptr, second)), "accepted dave");
}

TEST(SlowUser, UnknownEverywhereIsUnknown) {
  SlowRealm realm;
  const TestRequest request = realm.old_request("eve", "guess");
  ASSERT_EQ(describe(realm.check(request)), "pending");
  realm.first->answer_next();
  const Asked last{.ticket = 7, .directory = 1};
  EXPECT_EQ(describe(realm.complete(request, UserUnknown{}, nullptr, last)),
            "401 unknown user, challenge");
  EXPECT_EQ(describe(realm.complete(request, UserUnknown{})), "401 unknown user, challenge");
}

TEST(SlowUser, ABrokenDirectoryMeansSilence) {
  SlowRealm realm;
  const TestRequest request = realm.old_request("carol", "database");
  ASSERT_EQ(describe(realm.check(request)), "pending");
  EXPECT_EQ(describe(realm.complete(request, realm.first->fail_next().answer)), "silence");
  realm.first->break_down();
  EXPECT_EQ(describe(realm.check(request)), "silence");
}

TEST(SlowUser, OfADirectoryThatIsGoneGets500AndNoOtherIsAsked) {
  SlowRealm realm;
  const TestRequest request = realm.old_request("carol", "database");
  ASSERT_EQ(describe(realm.check(request)), "pending");
  EXPECT_EQ(describe(realm.complete(request, UserUnavailable{})), "500 directory unavailable");
  EXPECT_EQ(realm.second->questions(), 0U);
}

TEST(SlowUser, NobodyIsAskedForWhatCannotBeRight) {
  SlowRealm realm;
  TestRequest request = realm.new_request("carol", "database");
  request.algorithms.reset();
  EXPECT_EQ(describe(realm.check(request)), "400 algorithm mismatch");
  EXPECT_EQ(describe(realm.check(TestRequest{})), "401 no integrity, challenge");
  EXPECT_EQ(realm.first->questions(), 0U);
}

TEST(SlowUser, IsAskedForOnlyBehindANonceOfOurs) {
  SlowRealm realm;
  realm.first->add_password("carol", "database");
  TestRequest forged = realm.old_request("carol", "database");
  forged.nonce = "f//499k954d6OL34oL9FSTvy64sA";
  EXPECT_EQ(describe(realm.check(forged)), "438 alien nonce, challenge");
  const TestRequest late = realm.old_request("carol", "database");
  realm.pass(2h);
  EXPECT_EQ(describe(realm.check(late)), "438 stale nonce, challenge");
  EXPECT_EQ(realm.first->questions(), 0U);
}

TEST(RunningAllocation, IsVerifiedByItsOwnKeyAndAsksNobody) {
  SlowRealm realm;
  const Identity carol{.username = "carol",
                       .quota_id = "carol",
                       .key = Key::derive(PasswordAlgorithm::md5, "carol", "example.org", "old")};
  const auto verdict = realm.check(realm.old_request("carol", "old"), &carol);
  ASSERT_EQ(describe(verdict), "accepted carol");
  EXPECT_EQ(identity(verdict).quota_id, "carol");
  EXPECT_EQ(describe(realm.check(realm.old_request("carol", "guess"), &carol)),
            "401 wrong password, challenge");
  EXPECT_EQ(realm.first->questions(), 0U);
}

TEST(RunningAllocation, OutlivesItsCredential) {
  TestRealm realm;
  realm.with_secrets({"north"});
  const std::string name = "1800000060:bob";
  const std::string password = rest_password("north", name);
  const Identity bob = identity(realm.check(realm.old_request(name, password)));
  realm.pass(10min);
  EXPECT_EQ(describe(realm.check(realm.old_request(name, password))), "401 expired, challenge");
  EXPECT_EQ(describe(realm.check(realm.old_request(name, password), &bob)), "accepted " + name);
}

TEST(RunningAllocation, StillNeedsAFreshNonce) {
  TestRealm realm;
  const TestRequest request = realm.new_request("alice", "wonderland");
  const Identity alice = identity(realm.check(request));
  realm.pass(2h);
  EXPECT_EQ(describe(realm.check(request, &alice)), "438 stale nonce, challenge, signed");
}

TEST(RunningAllocation, IsKnownByItsUserhash) {
  SlowRealm realm;
  const Identity carol{.username = "carol",
                       .key = Key::derive(PasswordAlgorithm::sha256, "carol", "example.org", "x")};
  TestRequest request = realm.new_request("carol", "x");
  const auto hash = userhash("carol", "example.org");
  request.username.reset();
  request.userhash = std::vector<uint8_t>{hash.begin(), hash.end()};
  EXPECT_EQ(describe(realm.check(request, &carol)), "accepted carol");
  EXPECT_EQ(realm.first->questions(), 0U);
}

// The relay answers 441 then, and may only after it knows who asks (RFC 8656, Section 5).
TEST(RunningAllocation, AnotherNameIsAuthenticatedAsItself) {
  TestRealm realm;
  realm.users->add_password("bob", "builder");
  const Identity alice = identity(realm.check(realm.old_request("alice", "wonderland")));
  EXPECT_EQ(describe(realm.check(realm.old_request("bob", "builder"), &alice)), "accepted bob");
  EXPECT_EQ(describe(realm.check(realm.old_request("bob", "guess"), &alice)),
            "401 wrong password, challenge");
}

TEST(RunningAllocation, MayChangeItsAlgorithmEvenWhenTheCredentialHasExpired) {
  TestRealm realm;
  realm.with_secrets({"north"});
  const std::string name = "1800000060:bob";
  const std::string password = rest_password("north", name);
  const Identity bob = identity(realm.check(realm.old_request(name, password)));
  realm.pass(10min);
  EXPECT_EQ(describe(realm.check(realm.new_request(name, password), &bob)), "accepted " + name);
  EXPECT_EQ(describe(realm.check(realm.new_request(name, "guess"), &bob)),
            "401 unknown user, challenge");
}

TEST(RunningAllocation, ChangesItsAlgorithmThroughASlowDirectoryToo) {
  SlowRealm realm;
  realm.first->add({.username = "carol",
                    .sha256 = Key::derive(PasswordAlgorithm::sha256, "carol", "example.org", "x"),
                    .expires_at = realm.now.calendar});
  const Identity carol{.username = "carol",
                       .key = Key::derive(PasswordAlgorithm::md5, "carol", "example.org", "x")};
  const TestRequest request = realm.new_request("carol", "x");
  ASSERT_EQ(describe(realm.check(request, &carol)), "pending");
  const UserAnswer answer = realm.first->answer_next().answer;
  EXPECT_EQ(describe(realm.complete(request, answer, &carol)), "accepted carol");
  EXPECT_EQ(describe(realm.complete(request, answer)), "401 expired, challenge");
}

}  // namespace
}  // namespace uturn
