// The checks of RFC 8489, Section 9.2.4, one conversation for each way through them.
#include "auth/authenticator.h"

#include <gmock/gmock.h>

#include "slow_directory.h"
#include "test_realm.h"

namespace uturn {
namespace {

using ::testing::ElementsAre;

const std::vector<uint8_t> kSha256AndMd5{0, 2, 0, 0, 0, 1, 0, 0};
const std::vector<uint8_t> kMd5Only{0, 1, 0, 0};

const Accepted& accepted(const AuthVerdict& verdict) {
  CHECK(std::holds_alternative<Accepted>(verdict));
  return std::get<Accepted>(verdict);
}

TEST(Authenticator, ChallengesTheFirstRequest) {
  TestRealm realm;
  EXPECT_EQ(describe(realm.check(TestRequest{})), "401 no integrity, challenge");
}

TEST(Authenticator, ChallengeHoldsRealmNonceAndAlgorithmsAndNothingElse) {
  TestRealm realm;
  const Challenge challenge = realm.challenge();
  EXPECT_THAT(challenge.attributes, ElementsAre(AttributeType::realm, AttributeType::nonce,
                                                AttributeType::password_algorithms));
  EXPECT_EQ(challenge.realm, "example.org");
  EXPECT_TRUE(challenge.nonce.starts_with("obMatJos2AAAB")) << challenge.nonce;
  EXPECT_EQ(challenge.algorithms, kSha256AndMd5);
}

TEST(Authenticator, ListsMd5AloneWhereAUserHasNoOtherKey) {
  TestRealm realm;
  realm.users->add_key("old", *Key::from_hex("8493fbc53ba582fb4c044c456bdc40eb"));
  EXPECT_EQ(realm.challenge().algorithms, kMd5Only);
  EXPECT_TRUE(realm.challenge().nonce.starts_with("obMatJos2AAAB"));
  const auto verdict =
      realm.check(realm.new_request("alice", "wonderland", PasswordAlgorithm::md5));
  EXPECT_EQ(describe(verdict), "accepted alice");
}

TEST(Authenticator, AcceptsAnOldClientAndAnswersInItsKind) {
  TestRealm realm;
  const auto verdict = realm.check(realm.old_request("alice", "wonderland"));
  ASSERT_EQ(describe(verdict), "accepted alice");
  EXPECT_EQ(accepted(verdict).integrity, Integrity::sha1);
  EXPECT_EQ(accepted(verdict).identity.key,
            Key::derive(PasswordAlgorithm::md5, "alice", "example.org", "wonderland"));
  EXPECT_EQ(accepted(verdict).identity.quota_id, "alice");
}

TEST(Authenticator, AcceptsANewClientAndAnswersBySha256) {
  TestRealm realm;
  const auto verdict = realm.check(realm.new_request("alice", "wonderland"));
  ASSERT_EQ(describe(verdict), "accepted alice");
  EXPECT_EQ(accepted(verdict).integrity, Integrity::sha256);
  EXPECT_EQ(accepted(verdict).identity.key,
            Key::derive(PasswordAlgorithm::sha256, "alice", "example.org", "wonderland"));
}

// Which HMAC a request carries and which key it is made with are two choices.
TEST(Authenticator, TakesEitherHmacWithEitherKey) {
  TestRealm realm;
  for (const auto algorithm : {PasswordAlgorithm::md5, PasswordAlgorithm::sha256}) {
    TestRequest request = realm.new_request("alice", "wonderland", algorithm);
    EXPECT_EQ(describe(realm.check(request)), "accepted alice");
    std::swap(request.sha1_by, request.sha256_by);
    const auto by_sha1 = realm.check(request);
    ASSERT_EQ(describe(by_sha1), "accepted alice");
    EXPECT_EQ(accepted(by_sha1).integrity, Integrity::sha256);
    EXPECT_EQ(accepted(by_sha1).identity.key->algorithm(), algorithm);
  }
  TestRequest without_algorithm = realm.old_request("alice", "wonderland");
  std::swap(without_algorithm.sha1_by, without_algorithm.sha256_by);
  const auto as_md5 = realm.check(without_algorithm);
  ASSERT_EQ(describe(as_md5), "accepted alice");
  EXPECT_EQ(accepted(as_md5).integrity, Integrity::sha1);
}

TEST(Authenticator, WhereBothHmacsAreThereSha256Decides) {
  TestRealm realm;
  const Key right = Key::derive(PasswordAlgorithm::md5, "alice", "example.org", "wonderland");
  const Key wrong = Key::derive(PasswordAlgorithm::md5, "alice", "example.org", "guess");
  TestRequest request = realm.old_request("alice", "wonderland");
  request.sha1_by = wrong;
  request.sha256_by = right;
  EXPECT_EQ(describe(realm.check(request)), "accepted alice");
  std::swap(request.sha1_by, request.sha256_by);
  EXPECT_EQ(describe(realm.check(request)), "401 wrong password, challenge");
}

TEST(Authenticator, RefusesATruncatedSha256) {
  TestRealm realm;
  TestRequest request = realm.new_request("alice", "wonderland");
  request.sha256_size = 16;
  EXPECT_EQ(describe(realm.check(request)), "401 wrong password, challenge");
}

TEST(Authenticator, MissingAttributesAreABadRequestWithoutChallenge) {
  TestRealm realm;
  const TestRequest whole = realm.old_request("alice", "wonderland");
  for (auto member : {&TestRequest::username, &TestRequest::realm, &TestRequest::nonce}) {
    TestRequest request = whole;
    (request.*member).reset();
    EXPECT_EQ(describe(realm.check(request)), "400 missing attribute");
  }
}

TEST(Authenticator, AttributesBehindTheIntegrityDoNotExist) {
  TestRealm realm;
  TestRequest request = realm.old_request("alice", "wonderland");
  request.username.reset();
  std::vector<uint8_t> bytes = request.bytes();
  for (const uint8_t byte : {0x00, 0x06, 0x00, 0x04, 0x65, 0x76, 0x69, 0x6C}) bytes.push_back(byte);
  store_be16(&bytes[2], static_cast<uint16_t>(bytes.size() - 20));
  EXPECT_EQ(describe(realm.check(bytes)), "400 missing attribute");
}

TEST(Authenticator, TextsUpTo763BytesAreReadLongerOnesAreMalformed) {
  TestRealm realm;
  TestRequest request = realm.old_request("alice", "wonderland");
  request.username = std::string(763, 'a');
  EXPECT_EQ(describe(realm.check(request)), "401 unknown user, challenge");
  for (auto member : {&TestRequest::username, &TestRequest::realm, &TestRequest::nonce}) {
    TestRequest too_long = realm.old_request("alice", "wonderland");
    too_long.*member = std::string(764, 'a');
    EXPECT_EQ(describe(realm.check(too_long)), "400 malformed");
  }
}

TEST(Authenticator, PasswordAlgorithmsMustComeTogetherAndUnchanged) {
  TestRealm realm;
  const TestRequest whole = realm.new_request("alice", "wonderland");
  TestRequest request = whole;
  request.algorithms.reset();
  EXPECT_EQ(describe(realm.check(request)), "400 algorithm mismatch");

  request = whole;
  request.algorithm.reset();
  EXPECT_EQ(describe(realm.check(request)), "400 algorithm mismatch");

  request = whole;
  request.algorithm = {0, 3, 0, 0};
  EXPECT_EQ(describe(realm.check(request)), "400 algorithm mismatch");

  request = whole;
  request.algorithm = {0, 2, 0, 4, 1, 2, 3, 4};
  EXPECT_EQ(describe(realm.check(request)), "400 malformed");

  request = whole;
  request.algorithm = {0, 2};
  EXPECT_EQ(describe(realm.check(request)), "400 malformed");
}

// Somebody on the path took SHA-256 off the list, and the client believed it.
TEST(Authenticator, ABidDownToMd5IsFound) {
  TestRealm realm;
  TestRequest request = realm.new_request("alice", "wonderland", PasswordAlgorithm::md5);
  EXPECT_EQ(describe(realm.check(request)), "accepted alice");
  request.algorithms = kMd5Only;
  EXPECT_EQ(describe(realm.check(request)), "400 algorithm mismatch");
}

// The same, with the nonce's own bits turned to match: the nonce is no longer ours.
TEST(Authenticator, ABidDownOfTheNonceIsFound) {
  TestRealm realm;
  TestRequest request = realm.new_request("alice", "wonderland");
  request.nonce->replace(9, 4, "AAAA");
  EXPECT_EQ(describe(realm.check(request)), "438 alien nonce, challenge, signed");
}

TEST(Authenticator, TheListIsThatOfTheNonceEvenAfterTheRealmChanged) {
  TestRealm realm;
  const TestRequest from_before = realm.new_request("alice", "wonderland");
  realm.users->add_key("old", *Key::from_hex("8493fbc53ba582fb4c044c456bdc40eb"));
  realm.restart();
  ASSERT_EQ(realm.challenge().algorithms, kMd5Only);
  EXPECT_EQ(describe(realm.check(from_before)), "accepted alice");

  TestRequest from_now = realm.new_request("alice", "wonderland");  // SHA-256: not on the list
  EXPECT_EQ(describe(realm.check(from_now)), "400 algorithm mismatch");
}

TEST(Authenticator, AUserWithoutAKeyOfTheAlgorithmIsNotAuthenticated) {
  TestRealm realm;
  const TestRequest from_before = realm.new_request("old", "pass");
  realm.users->add_key("old", *Key::from_hex("8493fbc53ba582fb4c044c456bdc40eb"));
  realm.restart();
  EXPECT_EQ(describe(realm.check(from_before)), "401 no key, challenge");
}

TEST(Authenticator, UnknownUserWrongRealmAndWrongPasswordGetTheSameAnswer) {
  TestRealm realm;
  EXPECT_EQ(describe(realm.check(realm.old_request("mallory", "guess"))),
            "401 unknown user, challenge");
  EXPECT_EQ(describe(realm.check(realm.old_request("alice", "guess"))),
            "401 wrong password, challenge");
  TestRequest elsewhere = realm.old_request("alice", "wonderland");
  elsewhere.realm = "example.net";
  EXPECT_EQ(describe(realm.check(elsewhere)), "401 wrong realm, challenge");
}

TEST(Authenticator, AStaleNonceIsToldOnlyToWhoProvedThePassword) {
  TestRealm realm;
  const TestRequest right = realm.old_request("alice", "wonderland");
  const TestRequest wrong = realm.old_request("alice", "guess");
  realm.pass(1h + 1s);
  EXPECT_EQ(describe(realm.check(wrong)), "401 wrong password, challenge");

  const auto verdict = realm.check(right);
  ASSERT_EQ(describe(verdict), "438 stale nonce, challenge, signed");
  EXPECT_EQ(std::get<Rejected>(verdict).proved->identity.username, "alice");
  EXPECT_EQ(describe(realm.check(realm.old_request("alice", "wonderland"))), "accepted alice");
}

TEST(Authenticator, ANonceOfAnotherServerIsAnswered438) {
  TestRealm realm;
  TestRequest request = realm.old_request("alice", "wonderland");
  request.nonce = "f//499k954d6OL34oL9FSTvy64sA";
  EXPECT_EQ(describe(realm.check(request)), "438 alien nonce, challenge, signed");
}

// Chromium gives up when an Allocate is answered 438.
TEST(Authenticator, AFreshNonceIsNeverAnswered438) {
  TestRealm realm;
  const TestRequest request = realm.old_request("alice", "wonderland");
  realm.restart();
  realm.client.port = 4001;
  realm.pass(59min);
  EXPECT_EQ(describe(realm.check(request)), "accepted alice");
}

TEST(Authenticator, QuotesAndTrailingNullsAreNoPartOfNameAndRealm) {
  TestRealm realm;
  TestRequest request = realm.old_request("alice", "wonderland");
  request.username = "\"alice\"";
  request.realm = std::string{"example.org\0\0", 13};
  EXPECT_EQ(describe(realm.check(request)), "accepted alice");
}

TEST(Authenticator, ANameMayHoldColons) {
  TestRealm realm;
  realm.users->add_password("@alice:example.org", "wonderland");
  EXPECT_EQ(describe(realm.check(realm.old_request("@alice:example.org", "wonderland"))),
            "accepted @alice:example.org");
}

TEST(Authenticator, AnswersToAUserhashWithTheName) {
  TestRealm realm;
  TestRequest request = realm.new_request("alice", "wonderland");
  request.username.reset();
  const auto hash = userhash("alice", "example.org");
  request.userhash = std::vector<uint8_t>{hash.begin(), hash.end()};
  EXPECT_EQ(describe(realm.check(request)), "accepted alice");

  request.userhash->at(0) ^= 1;
  EXPECT_EQ(describe(realm.check(request)), "401 unknown user, challenge");
  request.userhash->pop_back();
  EXPECT_EQ(describe(realm.check(request)), "400 malformed");
}

TEST(Authenticator, AnonymityIsAnnouncedOnlyWhereEverySourceCanEnumerate) {
  TestRealm realm;
  realm.settings.announce_username_anonymity = true;
  EXPECT_TRUE(realm.challenge().nonce.starts_with("obMatJos2AAAD"));
  realm.with_secrets({"north"});
  realm.restart();
  EXPECT_TRUE(realm.challenge().nonce.starts_with("obMatJos2AAAB"));
  realm.settings.nonce.bit_order = FeatureBitOrder::most_significant_first;
  realm.restart();
  EXPECT_TRUE(realm.challenge().nonce.starts_with("obMatJos2gAAA"));
}

TEST(Authenticator, WithoutAuthenticationEverybodyIsAcceptedAsNobody) {
  TestRealm realm;
  realm.settings.required = false;
  const auto verdict = realm.check(TestRequest{});
  ASSERT_EQ(describe(verdict), "accepted ");
  EXPECT_FALSE(accepted(verdict).identity.key.has_value());
  EXPECT_EQ(accepted(verdict).identity.quota_id, "");
}

// What is no text of anybody's is asked of no directory: databases choke on it.
TEST(Authenticator, ANameThatIsNoTextIsUnknownWithoutAnybodyBeingAsked) {
  TestRealm realm;
  const auto directory = std::make_shared<SlowDirectory>();
  realm.directories = {directory};
  for (const std::string& name :
       {std::string{"al\0ice", 6}, std::string{"\xFF"}, std::string{"a\n"}}) {
    EXPECT_EQ(describe(realm.check(realm.old_request(name, "x"))), "401 unknown user, challenge");
  }
  EXPECT_EQ(directory->questions(), 0u);
  EXPECT_EQ(describe(realm.check(realm.old_request("carol", "x"))), "pending");
}

/// The fastest of many runs: what the work itself takes, whatever else the machine does.
std::chrono::nanoseconds fastest_check(TestRealm& realm, const TestRequest& request) {
  const std::vector<uint8_t> bytes = request.bytes();
  const auto message = MessageView::parse(bytes);
  CHECK(message);
  auto fastest = std::chrono::nanoseconds::max();
  for (int i = 0; i < 4'000; ++i) {
    const auto start = std::chrono::steady_clock::now();
    (void)realm.authenticator().check(*message, realm.client, nullptr, 7, realm.now);
    fastest = std::min<std::chrono::nanoseconds>(fastest, std::chrono::steady_clock::now() - start);
  }
  return fastest;
}

// An HMAC is by far the most of a check: without one for a name that is unknown, this is a third.
TEST(Authenticator, AnUnknownNameTakesAsLongAsAWrongPassword) {
  TestRealm realm;
  for (const bool is_new : {false, true}) {
    const auto request = [&](const char* name) {
      return is_new ? realm.new_request(name, "guess") : realm.old_request(name, "guess");
    };
    const auto known = fastest_check(realm, request("alice"));
    const auto unknown = fastest_check(realm, request("malice"));
    EXPECT_GT(unknown.count(), known.count() * 7 / 10);
    EXPECT_LT(unknown.count(), known.count() * 14 / 10);
  }
}

TEST(Authenticator, NoSingleFlippedBitIsAccepted) {
  TestRealm realm;
  for (const auto& request :
       {realm.old_request("alice", "wonderland"), realm.new_request("alice", "wonderland")}) {
    const std::vector<uint8_t> whole = request.bytes();
    for (size_t bit = 0; bit < 8 * whole.size(); ++bit) {
      std::vector<uint8_t> flipped = whole;
      flipped[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
      if (!MessageView::parse(flipped)) continue;
      EXPECT_FALSE(std::holds_alternative<Accepted>(realm.check(flipped))) << "bit " << bit;
    }
  }
}

}  // namespace
}  // namespace uturn
