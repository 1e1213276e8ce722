// Somebody on the path strips or changes what the newest clients and servers agree on (RFC 8489,
// Sections 9.2.1, 9.2.4 and 9.2.5): our client and the real authenticator refuse each other.
#include <algorithm>

#include "auth/authenticator.h"
#include "auth/static_users.h"
#include "protocol/attributes.h"
#include "tests/client/conversation.h"

namespace uturn {
namespace {

using enum AttributeType;

const ClientAddress kClient = client_address(*TransportAddress::parse("192.0.2.1:4000"));

/// An attribute that the man in the middle may change, or take out by leaving nothing.
struct Attribute {
  AttributeType type;
  std::vector<uint8_t> value;
};
using Attributes = std::vector<Attribute>;
using Meddle = std::function<void(Attributes&)>;

void take_out(Attributes& attributes, AttributeType type) {
  std::erase_if(attributes, [type](const Attribute& a) { return a.type == type; });
}
Attribute* find(Attributes& attributes, AttributeType type) {
  const auto found = std::ranges::find(attributes, type, &Attribute::type);
  return found == attributes.end() ? nullptr : &*found;
}
/// The features of the nonce's cookie, overwritten.
Meddle announce(std::string_view features) {
  return [features](Attributes& attributes) {
    Attribute* const found = find(attributes, nonce);
    ASSERT_NE(found, nullptr);
    std::ranges::copy(features, found->value.begin() + 9);
  };
}

/// A client with the real authenticator behind it, and somebody between the two.
class Path {
 public:
  Meddle with_challenges = [](Attributes&) {};
  Meddle with_requests = [](Attributes&) {};

  explicit Path(bool anonymity = false) : server_(make_server(anonymity)) {
    talk.client.allocate({}, talk.now());
  }

  /// Requests and challenges go to and fro until one side has had enough.
  std::optional<Accepted> run() {
    for (int i = 0; i < 20; ++i) {
      if (talk.is_silent()) return std::nullopt;
      const Message sent = talk.request(Method::allocate);
      requests.push_back(sent);
      const Message request{meddled(sent.view(), with_requests)};
      const AuthVerdict verdict = server_.check(request.view(), kClient, nullptr, 0, talk.now());
      if (const auto* accepted = std::get_if<Accepted>(&verdict)) return *accepted;
      const Rejected& rejected = std::get<Rejected>(verdict);
      codes.push_back(static_cast<int>(rejected.code));
      talk.answer(
          sent, MessageClass::error,
          [&](MessageBuilder& message) {
            message.add_error(rejected.code);
            Attributes challenge;
            if (rejected.challenge) challenge = challenge_of_server();
            with_challenges(challenge);
            for (const auto& [type, value] : challenge) message.add(type, value);
          },
          std::nullopt);
    }
    return std::nullopt;
  }

  Conversation talk;
  std::vector<Message> requests;
  std::vector<int> codes;

 private:
  static Authenticator make_server(bool anonymity) {
    auto users = std::make_shared<StaticUsers>("example.org");
    users->add_password("alice", "secret");
    return {{.realm = "example.org",
             .announce_username_anonymity = anonymity,
             .nonce = {.keys = {NonceKey{.id = 1, .secret = {7}}}}},
            users,
            nullptr,
            {}};
  }
  Attributes challenge_of_server() {
    std::array<uint8_t, 512> out{};
    MessageBuilder builder{out, Method::allocate, MessageClass::error, TransactionId{}};
    server_.add_challenge(builder, kClient, talk.now());
    return attributes_of(*MessageView::parse(builder.finish()));
  }
  static Attributes attributes_of(const MessageView& message) {
    Attributes attributes;
    for (const AttributeView a : message) {
      attributes.push_back({a.type, {a.value.begin(), a.value.end()}});
    }
    return attributes;
  }
  static std::vector<uint8_t> meddled(const MessageView& message, const Meddle& meddle) {
    Attributes attributes = attributes_of(message);
    meddle(attributes);
    std::vector<uint8_t> out(2048);
    MessageBuilder builder{out, message.method(), message.message_class(),
                           message.transaction_id()};
    for (const auto& [type, value] : attributes) builder.add(type, value);
    const Bytes bytes = builder.finish();
    return {bytes.begin(), bytes.end()};
  }

  Authenticator server_;
};

TEST(BidDown, WithNobodyBetweenThemTheyAgreeOnSha256AndAHashedName) {
  Path path{true};
  const auto accepted = path.run();
  ASSERT_TRUE(accepted);
  EXPECT_EQ(accepted->identity.username, "alice");
  EXPECT_EQ(accepted->integrity, Integrity::sha256);
  EXPECT_EQ(accepted->identity.key->algorithm(), PasswordAlgorithm::sha256);
  EXPECT_FALSE(path.requests.back().has(username));
}

TEST(BidDown, AListTakenOutOfTheChallengeIsSeenByTheClient) {
  Path path;
  path.with_challenges = [](Attributes& a) { take_out(a, password_algorithms); };
  EXPECT_FALSE(path.run());
  EXPECT_EQ(path.talk.event<RequestFailure>().cause, FailureCause::bid_down);
  EXPECT_EQ(path.requests.size(), 1u) << "nothing was signed";
}

// The cookie is covered by the nonce's own MAC.
TEST(BidDown, AListTakenOutTogetherWithItsBitIsSeenByTheServer) {
  Path path;
  path.with_challenges = [](Attributes& a) {
    take_out(a, password_algorithms);
    if (find(a, nonce) != nullptr) announce("AAAA")(a);
  };
  EXPECT_FALSE(path.run());
  EXPECT_EQ(path.talk.event<RequestFailure>().cause, FailureCause::too_many_challenges);
  EXPECT_EQ(path.codes.back(), 438) << "a nonce that is not ours";
}

TEST(BidDown, TheRightNoncePutBackIntoTheRequestBreaksItsSignature) {
  Path path;
  std::vector<uint8_t> right;
  path.with_challenges = [&](Attributes& a) {
    if (Attribute* const found = find(a, nonce)) right = found->value;
    take_out(a, password_algorithms);
    if (find(a, nonce) != nullptr) announce("AAAA")(a);
  };
  path.with_requests = [&](Attributes& a) {
    if (Attribute* const found = find(a, nonce)) found->value = right;
  };
  EXPECT_FALSE(path.run());
  EXPECT_EQ(path.talk.event<RequestFailure>().cause, FailureCause::credentials_refused);
}

TEST(BidDown, AListShortenedToMd5IsSeenByTheServer) {
  Path path;
  path.with_challenges = [](Attributes& a) {
    if (Attribute* const list = find(a, password_algorithms)) list->value = {0, 1, 0, 0};
  };
  EXPECT_FALSE(path.run());
  EXPECT_EQ(path.codes, (std::vector{401, 400}));
}

TEST(BidDown, TheFullListPutBackIntoTheRequestBreaksItsSignature) {
  Path path;
  path.with_challenges = [](Attributes& a) {
    if (Attribute* const list = find(a, password_algorithms)) list->value = {0, 1, 0, 0};
  };
  path.with_requests = [](Attributes& a) {
    if (Attribute* const list = find(a, password_algorithms)) {
      list->value = {0, 2, 0, 0, 0, 1, 0, 0};
    }
  };
  EXPECT_FALSE(path.run());
  EXPECT_EQ(path.codes, (std::vector{401, 401}));
}

TEST(BidDown, AlgorithmAndListTakenOutOfTheRequestBreakItsSignature) {
  Path path;
  path.with_requests = [](Attributes& a) {
    take_out(a, password_algorithms);
    take_out(a, password_algorithm);
  };
  EXPECT_FALSE(path.run());
  EXPECT_EQ(path.codes.back(), 401);
}

TEST(BidDown, TheIntegrityTakenOutOfTheRequestIsAFirstRequestAgain) {
  Path path;
  path.with_requests = [](Attributes& a) { take_out(a, message_integrity_sha256); };
  EXPECT_FALSE(path.run());
  EXPECT_EQ(path.talk.event<RequestFailure>().cause, FailureCause::credentials_refused);
}

// The name is told to whoever does that, but no allocation comes of it.
TEST(BidDown, AnonymityTakenOutOfTheCookieIsSeenByTheServer) {
  Path path{true};
  path.with_challenges = [](Attributes& a) {
    if (find(a, nonce) != nullptr) announce("AAAB")(a);
  };
  EXPECT_FALSE(path.run());
  EXPECT_EQ(path.codes.back(), 438);
  EXPECT_EQ(path.talk.event<RequestFailure>().cause, FailureCause::too_many_challenges);
}

TEST(BidDown, NamesRealmsAndPasswordsArePreparedOnTheWayToTheKey) {
  auto users = std::make_shared<StaticUsers>("example.org");
  users->add_password("Zo\u00EB", "foo bar");
  const Authenticator server{
      {.realm = "example.org", .nonce = {.keys = {NonceKey{.id = 1, .secret = {7}}}}},
      users,
      nullptr,
      {}};
  TurnClient::Settings settings = alice();
  settings.credentials = {"Zoe\u0308", "foo\u1680bar"};
  Conversation talk{settings};
  talk.client.allocate({}, talk.now());
  talk.answer(
      talk.request(Method::allocate), MessageClass::error,
      [&](MessageBuilder& message) {
        message.add_error(ErrorCode::unauthenticated);
        server.add_challenge(message, kClient, talk.now());
      },
      std::nullopt);
  const Message request = talk.request(Method::allocate);
  EXPECT_EQ(request.text(username), "Zo\u00EB");
  EXPECT_TRUE(std::holds_alternative<Accepted>(
      server.check(request.view(), kClient, nullptr, 0, talk.now())));
}

}  // namespace
}  // namespace uturn
