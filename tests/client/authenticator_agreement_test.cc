// The client's signatures and the server's Authenticator agree, in every way a realm can be set up.
#include "auth/authenticator.h"
#include "auth/static_users.h"
#include "tests/client/conversation.h"

namespace uturn {
namespace {

const ClientAddress kClient = client_address(*TransportAddress::parse("192.0.2.1:4000"));

struct Realm {
  bool anonymity = false;
  FeatureBitOrder bit_order = FeatureBitOrder::erratum_6290;
  bool md5_only = false;
};

Authenticator authenticator_of(const Realm& realm) {
  auto users = std::make_shared<StaticUsers>("example.org");
  if (realm.md5_only) {
    users->add_key("alice", Key::derive(PasswordAlgorithm::md5, "alice", "example.org", "secret"));
  } else {
    users->add_password("alice", "secret");
  }
  Authenticator::Settings settings{.realm = "example.org",
                                   .required = true,
                                   .announce_username_anonymity = realm.anonymity,
                                   .nonce = {.keys = {NonceKey{.id = 1, .secret = {7}}},
                                             .lifetime = 1h,
                                             .bit_order = realm.bit_order}};
  return {settings, users, nullptr, {}};
}

/// Asks, is challenged by the real authenticator, and asks again.
AuthVerdict verdict_on_second_request(const Authenticator& server, Conversation& talk) {
  talk.client.allocate({}, talk.now());
  const Message first = talk.request(Method::allocate);
  const AuthVerdict challenged = server.check(first.view(), kClient, nullptr, 0, talk.now());
  EXPECT_TRUE(std::holds_alternative<Rejected>(challenged));
  talk.answer(
      first, MessageClass::error,
      [&](MessageBuilder& message) {
        message.add_error(std::get<Rejected>(challenged).code);
        server.add_challenge(message, kClient, talk.now());
      },
      std::nullopt);
  const Message second = talk.request(Method::allocate);
  return server.check(second.view(), kClient, nullptr, 0, talk.now());
}

TEST(AuthenticatorAgreement, EveryKindOfRealmAcceptsTheClient) {
  for (const bool anonymity : {false, true}) {
    for (const bool md5_only : {false, true}) {
      for (const auto order :
           {FeatureBitOrder::erratum_6290, FeatureBitOrder::most_significant_first}) {
        const Realm realm{.anonymity = anonymity, .bit_order = order, .md5_only = md5_only};
        Conversation talk;
        const AuthVerdict verdict = verdict_on_second_request(authenticator_of(realm), talk);
        ASSERT_TRUE(std::holds_alternative<Accepted>(verdict)) << anonymity << md5_only;
        const Accepted& accepted = std::get<Accepted>(verdict);
        EXPECT_EQ(accepted.identity.username, "alice");
        EXPECT_EQ(accepted.integrity, Integrity::sha256) << "the realm lists its algorithms";
      }
    }
  }
}

TEST(AuthenticatorAgreement, AWrongPasswordIsRefusedByBoth) {
  TurnClient::Settings settings = alice();
  settings.credentials = {"alice", "guessed"};
  Conversation talk{settings};
  const AuthVerdict verdict = verdict_on_second_request(authenticator_of({}), talk);
  ASSERT_TRUE(std::holds_alternative<Rejected>(verdict));
  EXPECT_EQ(std::get<Rejected>(verdict).code, ErrorCode::unauthenticated);
}

}  // namespace
}  // namespace uturn
