// What an operator's own store says: users, nobody, and what counts as a failure.
#include "server/directories/webhook_answer.h"

#include <gmock/gmock.h>

namespace uturn {
namespace {

SourceAnswer answer(long status, std::string_view body) {
  return read_webhook_answer(status, body, "example.org", "dora");
}
std::optional<SourceFound> found(std::string_view body) {
  const SourceAnswer said = answer(200, body);
  const auto* user = std::get_if<SourceFound>(&said);
  return user ? std::optional(*user) : std::nullopt;
}

TEST(WebhookAnswer, APasswordGivesBothKeys) {
  const auto dora = found(R"({"password": "secret", "ttl": 60})");
  ASSERT_TRUE(dora);
  EXPECT_EQ(dora->user.md5, Key::derive(PasswordAlgorithm::md5, "dora", "example.org", "secret"));
  EXPECT_EQ(dora->user.sha256,
            Key::derive(PasswordAlgorithm::sha256, "dora", "example.org", "secret"));
  EXPECT_EQ(dora->ttl, Duration(60s));
  EXPECT_FALSE(found(R"({"password": "secret"})")->ttl);
}

TEST(WebhookAnswer, KeysAreTakenAsTheyAre) {
  const auto one = found(R"({"key": "0x00112233445566778899aabbccddeeff", "class": "guest"})");
  ASSERT_TRUE(one);
  EXPECT_TRUE(one->user.md5);
  EXPECT_FALSE(one->user.sha256);
  EXPECT_EQ(one->user.credential_class, "guest");
  const auto two = found(
      R"({"key": ["00112233445566778899aabbccddeeff",
                  "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"]})");
  ASSERT_TRUE(two);
  EXPECT_TRUE(two->user.md5 && two->user.sha256);
}

TEST(WebhookAnswer, NobodyIsNotAFailure) {
  for (const long status : {403L, 404L}) {
    EXPECT_TRUE(std::holds_alternative<UserUnknown>(answer(status, "<html>whatever</html>")));
  }
}

TEST(WebhookAnswer, WhatIsNotUnderstoodIsAFailure) {
  for (const char* body :
       {"", "[]", "null", "{", R"({"password": ""})", R"({"password": 1})", R"({"key": "0x12"})",
        R"({"key": []})", R"({"key": [1, 2, 3]})", R"({"password": "x", "ttl": -1})",
        R"({"password": "x", "ttl": "1"})", R"({"password": "x", "class": 1})"}) {
    EXPECT_TRUE(std::holds_alternative<SourceFailed>(answer(200, body))) << body;
  }
  EXPECT_TRUE(std::holds_alternative<SourceFailed>(answer(500, R"({"password": "x"})")));
  EXPECT_TRUE(std::holds_alternative<SourceFailed>(answer(302, R"({"password": "x"})")));
}

TEST(WebhookAnswer, TheQuestionNamesUserRealmAndClient) {
  EXPECT_EQ(webhook_question({"example.org", "do\"ra", *IpAddress::parse("192.0.2.7"), {}}),
            R"({"client":"192.0.2.7","realm":"example.org","user":"do\"ra"})");
}

}  // namespace
}  // namespace uturn
