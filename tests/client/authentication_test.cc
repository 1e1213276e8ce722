// Long-term authentication on the client's side (RFC 8489, Sections 9.2.3 and 9.2.5).
#include <algorithm>

#include "client/nonce_cookie.h"
#include "protocol/attributes.h"
#include "protocol/message_integrity.h"
#include "tests/client/conversation.h"

namespace uturn {
namespace {

using enum AttributeType;
constexpr uint16_t kMd5 = 1;
constexpr uint16_t kSha256 = 2;
constexpr std::string_view kAnnouncesAlgorithms = "obMatJos2AAABxyz";
constexpr std::string_view kAnnouncesAnonymity = "obMatJos2AAACxyz";

/// A conversation whose first Allocate was answered by a challenge.
Message after_challenge(Conversation& talk, const Announcement& announcement,
                        ErrorCode code = ErrorCode::unauthenticated) {
  talk.client.allocate({}, talk.now());
  talk.challenge(talk.request(Method::allocate), code, announcement);
  return talk.request(Method::allocate);
}

TEST(Authentication, TheFirstRequestCarriesNone) {
  Conversation talk;
  talk.client.allocate({}, talk.now());
  const Message first = talk.request(Method::allocate);
  for (const AttributeType type : {username, userhash, message_integrity, message_integrity_sha256,
                                   realm, nonce, password_algorithms, password_algorithm}) {
    EXPECT_FALSE(first.has(type)) << name_of(type);
  }
}

TEST(Authentication, A401IsAnsweredWithNameRealmAndNonce) {
  Conversation talk;
  talk.client.allocate({}, talk.now());
  const Message first = talk.request(Method::allocate);
  talk.challenge(first, ErrorCode::unauthenticated);
  const Message second = talk.request(Method::allocate);
  EXPECT_NE(second.id(), first.id()) << "a new transaction";
  EXPECT_EQ(second.text(username), "alice");
  EXPECT_EQ(second.text(realm), "example.org");
  EXPECT_EQ(second.text(nonce), "n-1");
  EXPECT_FALSE(second.has(password_algorithm));
  EXPECT_FALSE(second.has(message_integrity_sha256));
  EXPECT_TRUE(verify_integrity(second.view(), Conversation::key_of(second).bytes()));
  EXPECT_TRUE(talk.no_event()) << "a challenge is no news for the owner";
}

TEST(Authentication, Sha256IsChosenAndTheListIsEchoed) {
  Conversation talk;
  const Message request = after_challenge(
      talk, {.nonce = std::string{kAnnouncesAlgorithms}, .algorithms = {kMd5, kSha256}});
  EXPECT_EQ(decode_password_algorithm(request.view().find(password_algorithm)->value)->algorithm,
            kSha256);
  const std::vector<uint8_t> list{0, 1, 0, 0, 0, 2, 0, 0};
  EXPECT_TRUE(equal(request.view().find(password_algorithms)->value, list));
  EXPECT_FALSE(request.has(message_integrity));
  const Key key = Key::derive(PasswordAlgorithm::sha256, "alice", "example.org", "secret");
  EXPECT_TRUE(verify_integrity_sha256(request.view(), key.bytes()));
  talk.succeed(request, granted(600s, {"203.0.113.9:50000"}));
  talk.event<Allocated>();
}

TEST(Authentication, AListOfMd5OnlyIsStillSignedWithSha256) {
  Conversation talk;
  const Message request = after_challenge(
      talk, {.nonce = std::string{kAnnouncesAlgorithms}, .algorithms = {0x0777, kMd5}});
  EXPECT_EQ(decode_password_algorithm(request.view().find(password_algorithm)->value)->algorithm,
            kMd5);
  EXPECT_FALSE(request.has(message_integrity));
  const Key key = Key::derive(PasswordAlgorithm::md5, "alice", "example.org", "secret");
  EXPECT_TRUE(verify_integrity_sha256(request.view(), key.bytes()));
}

TEST(Authentication, NoCommonAlgorithmEndsIt) {
  Conversation talk;
  talk.client.allocate({}, talk.now());
  talk.challenge(talk.request(Method::allocate), ErrorCode::unauthenticated,
                 {.algorithms = {0x0777}});
  EXPECT_EQ(talk.event<RequestFailure>().cause, FailureCause::no_common_algorithm);
  EXPECT_TRUE(talk.is_silent());
}

TEST(Authentication, ATakenAwayListIsABidDownInEitherBitOrder) {
  for (const std::string nonce : {"obMatJos2AAABxyz", "obMatJos2gAAAxyz"}) {
    for (const ErrorCode code : {ErrorCode::unauthenticated, ErrorCode::stale_nonce}) {
      Conversation talk;
      talk.client.allocate({}, talk.now());
      talk.challenge(talk.request(Method::allocate), code, {.nonce = nonce});
      EXPECT_EQ(talk.event<RequestFailure>().cause, FailureCause::bid_down) << nonce;
      EXPECT_TRUE(talk.is_silent());
    }
  }
}

TEST(Authentication, AnotherResponseWithATakenAwayListIsIgnored) {
  Conversation talk;
  const Message request = after_challenge(talk, {});
  talk.reject(request, ErrorCode::forbidden,
              [](MessageBuilder& message) { message.add_text(nonce, kAnnouncesAlgorithms); });
  EXPECT_TRUE(talk.no_event());
  talk.succeed(request, granted(600s, {"203.0.113.9:50000"}));
  talk.event<Allocated>();
}

TEST(Authentication, TheNameIsHashedWhereTheCookieSaysSo) {
  Conversation talk;
  const Message request = after_challenge(talk, {.nonce = std::string{kAnnouncesAnonymity}});
  EXPECT_FALSE(request.has(username));
  EXPECT_TRUE(equal(request.view().find(AttributeType::userhash)->value,
                    uturn::userhash("alice", "example.org")));
}

TEST(Authentication, TheCookieIsReadInEitherBitOrder) {
  const auto features = [](bool algorithms, bool anonymity) {
    return SecurityFeatures{.password_algorithms = algorithms, .username_anonymity = anonymity};
  };
  EXPECT_EQ(security_features_of("obMatJos2AAAA"), features(false, false));
  EXPECT_EQ(security_features_of("obMatJos2AAAB"), features(true, false));
  EXPECT_EQ(security_features_of("obMatJos2gAAA"), features(true, false));
  EXPECT_EQ(security_features_of("obMatJos2AAAC"), features(false, true));
  EXPECT_EQ(security_features_of("obMatJos2QAAA"), features(false, true));
  EXPECT_EQ(security_features_of("obMatJos2wAAAafter"), features(true, true));
  EXPECT_EQ(security_features_of("obMatJos2wAA"), features(false, false)) << "too short";
  EXPECT_EQ(security_features_of("obMatJos2!AAB"), features(false, false)) << "no base64";
  EXPECT_EQ(security_features_of("xobMatJos2wAAA"), features(false, false)) << "not in front";
}

TEST(Authentication, ASecond401ForTheSameRealmIsFinal) {
  Conversation talk;
  const Message request = after_challenge(talk, {});
  talk.challenge(request, ErrorCode::unauthenticated, {.nonce = "n-2"});
  const auto failure = talk.event<RequestFailure>();
  EXPECT_EQ(failure.cause, FailureCause::credentials_refused);
  EXPECT_EQ(failure.code, 401);
  EXPECT_TRUE(talk.is_silent());
}

TEST(Authentication, AnotherRealmIsWorthAnotherTry) {
  Conversation talk;
  const Message request = after_challenge(talk, {.realm = "old.example.org"});
  talk.challenge(request, ErrorCode::unauthenticated, {.realm = "example.org"});
  const Message again = talk.request(Method::allocate);
  EXPECT_EQ(again.text(realm), "example.org");
  EXPECT_TRUE(verify_integrity(again.view(), Conversation::key_of(again).bytes()));
}

TEST(Authentication, AStaleNonceIsReplacedAndKept) {
  Conversation talk;
  const Message request = after_challenge(talk, {});
  talk.challenge(request, ErrorCode::stale_nonce, {.nonce = "n-2"});
  const Message again = talk.request(Method::allocate);
  EXPECT_EQ(again.text(nonce), "n-2");
  EXPECT_EQ(again.text(username), "alice");
  EXPECT_EQ(again.text(realm), "example.org");
  talk.succeed(again, granted(600s, {"203.0.113.9:50000"}));
  talk.event<Allocated>();
  talk.client.create_permission(*IpAddress::parse("198.51.100.7"), talk.now());
  EXPECT_EQ(talk.request(Method::create_permission).text(nonce), "n-2") << "cached";
}

TEST(Authentication, AServerThatIsNeverContentIsLeft) {
  Conversation talk;
  Message request = after_challenge(talk, {});
  for (size_t i = 1; i < TurnClient::kMaxChallenges; ++i) {
    talk.challenge(request, ErrorCode::stale_nonce, {.nonce = "n-" + std::to_string(i)});
    request = talk.request(Method::allocate);
  }
  talk.challenge(request, ErrorCode::stale_nonce, {.nonce = "n-last"});
  EXPECT_EQ(talk.event<RequestFailure>().cause, FailureCause::too_many_challenges);
  EXPECT_TRUE(talk.is_silent());
}

TEST(Authentication, WithoutCredentialsAChallengeIsFinal) {
  TurnClient::Settings nobody = alice();
  nobody.credentials = {};
  Conversation talk{nobody};
  talk.client.allocate({}, talk.now());
  talk.challenge(talk.request(Method::allocate), ErrorCode::unauthenticated);
  EXPECT_EQ(talk.event<RequestFailure>().cause, FailureCause::no_credentials);
}

TEST(Authentication, WithoutAChallengeNobodyNeedsCredentials) {
  TurnClient::Settings nobody = alice();
  nobody.credentials = {};
  Conversation talk{nobody};
  talk.client.allocate({}, talk.now());
  talk.succeed(talk.request(Method::allocate), granted(600s, {"203.0.113.9:50000"}));
  talk.event<Allocated>();
}

TEST(Authentication, AChallengeWithoutRealmOrNonceIsMalformed) {
  for (const Announcement& announcement : {Announcement{.realm = ""}, Announcement{.nonce = ""},
                                           Announcement{.realm = std::string(764, 'r')},
                                           Announcement{.nonce = std::string(764, 'n')}}) {
    Conversation talk;
    talk.client.allocate({}, talk.now());
    talk.challenge(talk.request(Method::allocate), ErrorCode::unauthenticated, announcement);
    EXPECT_EQ(talk.event<RequestFailure>().cause, FailureCause::malformed_response);
  }
}

TEST(Authentication, AListThatReachesBeyondItselfIsMalformed) {
  Conversation talk;
  talk.client.allocate({}, talk.now());
  const Message request = talk.request(Method::allocate);
  const std::vector<uint8_t> list{0, 2, 0, 8, 1, 2, 3, 4};
  talk.answer(
      request, MessageClass::error,
      [&list](MessageBuilder& message) {
        message.add_error(ErrorCode::unauthenticated).add_text(realm, "example.org");
        message.add_text(nonce, kAnnouncesAlgorithms).add(password_algorithms, list);
      },
      std::nullopt);
  EXPECT_EQ(talk.event<RequestFailure>().cause, FailureCause::malformed_response);
}

TEST(Authentication, ARealmAndANonceThatDoNotFitIntoARequestEndIt) {
  TurnClient::Settings settings = alice();
  settings.credentials = {std::string(700, 'u'), "secret"};
  Conversation talk{settings};
  talk.client.allocate({}, talk.now());
  talk.challenge(talk.request(Method::allocate), ErrorCode::unauthenticated,
                 {.realm = std::string(763, 'r'), .nonce = std::string(763, 'n')});
  EXPECT_EQ(talk.event<RequestFailure>().cause, FailureCause::request_too_large);
  EXPECT_EQ(talk.client.state(), TurnClient::State::idle);
}

TEST(Authentication, AnUnsignedAnswerToASignedRequestNeverCame) {
  Conversation talk;
  const Message request = after_challenge(talk, {});
  talk.answer(request, MessageClass::success, granted(600s, {"203.0.113.9:50000"}), std::nullopt);
  EXPECT_TRUE(talk.no_event());
  talk.advance(500ms);
  EXPECT_EQ(talk.request(Method::allocate).id(), request.id()) << "retransmissions go on";
  talk.succeed(request, granted(600s, {"203.0.113.9:50000"}));
  talk.event<Allocated>();
}

TEST(Authentication, AForgedSignatureIsReportedInsteadOfATimeout) {
  Conversation talk;
  const Message request = after_challenge(talk, {});
  const Key forged = Key::derive(PasswordAlgorithm::md5, "alice", "example.org", "guessed");
  talk.answer(request, MessageClass::success, granted(600s, {"203.0.113.9:50000"}), forged);
  EXPECT_TRUE(talk.no_event());
  talk.advance(40s);
  EXPECT_EQ(talk.event<RequestFailure>().cause, FailureCause::integrity_violated);
}

TEST(Authentication, AnAnswerInSha1DoesNotAnswerSha256) {
  Conversation talk;
  const Message request =
      after_challenge(talk, {.nonce = std::string{kAnnouncesAlgorithms}, .algorithms = {kSha256}});
  const Key key = Conversation::key_of(request);
  talk.answer(
      request, MessageClass::success,
      [&key](MessageBuilder& message) {
        granted(600s, {"203.0.113.9:50000"})(message);
        message.add_integrity(key.bytes());
      },
      std::nullopt);
  EXPECT_TRUE(talk.no_event());
}

TEST(Authentication, OverAReliableTransportAForgeryEndsTheTransactionAtOnce) {
  TurnClient::Settings settings = alice();
  settings.reliable = true;
  Conversation talk{settings};
  const Message request = after_challenge(talk, {});
  talk.answer(request, MessageClass::success, granted(600s, {"203.0.113.9:50000"}), std::nullopt);
  EXPECT_EQ(talk.event<RequestFailure>().cause, FailureCause::integrity_violated);
}

TEST(Authentication, AnUnsigned400NeverCame) {
  Conversation talk;
  talk.client.allocate({}, talk.now());
  const Message request = talk.request(Method::allocate);
  talk.answer(
      request, MessageClass::error,
      [](MessageBuilder& message) { message.add_error(ErrorCode::bad_request); }, std::nullopt);
  EXPECT_TRUE(talk.no_event());
  talk.advance(500ms);
  EXPECT_EQ(talk.request(Method::allocate).id(), request.id());
}

TEST(Authentication, TwoRequestsOnTheirWayTakeTheSameNewNonce) {
  Conversation talk;
  talk.allocate();
  talk.client.create_permission(*IpAddress::parse("198.51.100.7"), talk.now());
  talk.client.create_permission(*IpAddress::parse("198.51.100.8"), talk.now());
  const Message first = talk.request(Method::create_permission);
  const Message second = talk.request(Method::create_permission);
  talk.challenge(first, ErrorCode::stale_nonce, {.nonce = "n-2"});
  talk.challenge(second, ErrorCode::stale_nonce, {.nonce = "n-2"});
  for (int i = 0; i < 2; ++i) {
    const Message again = talk.request(Method::create_permission);
    EXPECT_EQ(again.text(nonce), "n-2");
    talk.succeed(again);
    talk.event<PermissionInstalled>();
  }
}

}  // namespace
}  // namespace uturn
