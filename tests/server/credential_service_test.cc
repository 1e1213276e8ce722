// The credential service: who may ask, what is answered, and how often.
#include "server/credential_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/sha.h>

#include <nlohmann/json.hpp>

#include "auth/rest_secrets.h"

namespace uturn {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr Now kNow{Instant{} + std::chrono::hours(1),
                   CalendarTime{std::chrono::seconds(1'800'000'000)}};

ApiKey key_of(std::string_view key) {
  ApiKey made;
  SHA256(reinterpret_cast<const uint8_t*>(key.data()), key.size(), made.sha256.data());
  return made;
}

CredentialFacts facts() {
  CredentialFacts facts;
  facts.config.keys["web"] = key_of("the key of web");
  facts.config.keys["guests"] = key_of("the key of guests");
  facts.config.keys["guests"].max_ttl = std::chrono::minutes(5);
  facts.config.keys["elsewhere"] = key_of("the key of elsewhere");
  facts.config.keys["elsewhere"].realm = "elsewhere.example";
  facts.config.origins = {"https://meet.example.org"};
  facts.realm = "example.org";
  facts.realms["example.org"] = {
      .secrets = {Secret("shared"), Secret("older")},
      .urls = {"stun:192.0.2.1", "turn:192.0.2.1?transport=udp", "turns:turn.example.org"}};
  return facts;
}

HttpRequest turn_request(HttpFields query) {
  HttpRequest request;
  request.method = "GET";
  request.path = "/turn";
  request.query = std::move(query);
  request.client = *TransportAddress::parse("198.51.100.1:5000");
  return request;
}

HttpRequest ice_request(const std::string& body, const std::string& key = "the key of web") {
  HttpRequest request;
  request.method = "POST";
  request.headers = {{"Authorization", "Bearer " + key}};
  request.body = body;
  request.client = *TransportAddress::parse("198.51.100.1:5000");
  return request;
}

nlohmann::json json_of(const HttpResponse& response) {
  return nlohmann::json::parse(response.body);
}

std::vector<std::string> links_of(const HttpResponse& response) {
  std::vector<std::string> links;
  for (const auto& [name, value] : response.headers) {
    if (name == "Link") links.push_back(value);
  }
  return links;
}

TEST(CredentialService, AnswersTheRestApiOfTheDraft) {
  CredentialService service(facts());
  const auto response = service.on_turn(
      turn_request({{"service", "turn"}, {"username", "fred"}, {"key", "the key of web"}}), kNow);
  ASSERT_EQ(response.status, 200) << response.body;
  const auto json = json_of(response);
  EXPECT_EQ(json["username"], "1800086400:fred");
  EXPECT_EQ(json["password"], rest_password("shared", "1800086400:fred"));
  EXPECT_EQ(json["ttl"], 86'400);
  EXPECT_EQ(json["uris"],
            nlohmann::json({"turn:192.0.2.1?transport=udp", "turns:turn.example.org"}));
}

TEST(CredentialService, HandsOutIceServersAsABrowserTakesThem) {
  CredentialService service(facts());
  const auto response =
      service.on_ice_servers(ice_request(R"({"ttl": 600, "user": "alice"})"), kNow);
  ASSERT_EQ(response.status, 200) << response.body;
  const auto server = json_of(response)["iceServers"][0];
  EXPECT_EQ(server["username"], "1800000600:alice");
  EXPECT_EQ(server["credential"], rest_password("shared", "1800000600:alice"));
  EXPECT_EQ(server["urls"].size(), 3u);
}

TEST(CredentialService, AddsTheLinksOfWhipAndWhep) {
  CredentialService service(facts());
  const auto response =
      service.on_ice_servers(ice_request(R"({"user": "a\"b", "ttl": "1h"})"), kNow);
  const std::string password = rest_password("shared", "1800003600:a\"b");
  EXPECT_THAT(links_of(response), ElementsAre("<stun:192.0.2.1>; rel=\"ice-server\"",
                                              "<turn:192.0.2.1?transport=udp>; rel=\"ice-server\"; "
                                              "username=\"1800003600:a\\\"b\"; credential=\"" +
                                                  password + "\"; credential-type=\"password\"",
                                              HasSubstr("<turns:turn.example.org>")));
}

TEST(CredentialService, NobodyWithoutAKeyGetsAny) {
  CredentialService service(facts());
  for (const char* key : {"", "wrong", "the key of web "}) {
    const auto response = service.on_turn(turn_request({{"service", "turn"}, {"key", key}}), kNow);
    EXPECT_EQ(response.status, 401) << key;
    EXPECT_THAT(response.body, testing::Not(HasSubstr("password")));
  }
  EXPECT_EQ(service.on_ice_servers(ice_request("{}", ""), kNow).status, 401);
  HttpRequest by_header = turn_request({{"service", "turn"}});
  by_header.headers = {{"x-api-key", "the key of web"}};
  EXPECT_EQ(service.on_turn(by_header, kNow).status, 200);
}

TEST(CredentialService, AKeyHasItsScope) {
  CredentialService service(facts());
  const auto guest =
      service.on_ice_servers(ice_request(R"({"ttl": 9999})", "the key of guests"), kNow);
  EXPECT_EQ(json_of(guest)["iceServers"][0]["username"], "1800000300");
  EXPECT_EQ(service.on_ice_servers(ice_request("{}", "the key of elsewhere"), kNow).status, 403);
  EXPECT_EQ(service.on_ice_servers(ice_request(R"({"realm": "example.org"})"), kNow).status, 200);
  EXPECT_EQ(service.on_ice_servers(ice_request(R"({"realm": "other"})"), kNow).status, 403);
}

CredentialFacts two_realms() {
  CredentialFacts both = facts();
  both.realms["elsewhere.example"] = {.secrets = {Secret("theirs")},
                                      .urls = {"turn:192.0.2.1:3480?transport=udp"}};
  both.realms["nobody.example"] = {};
  return both;
}

TEST(CredentialService, ARealmsCredentialsAreSignedByItsOwnSecret) {
  CredentialService service(two_realms());
  const auto expect_theirs = [](const HttpResponse& response) {
    ASSERT_EQ(response.status, 200) << response.body;
    const auto server = json_of(response)["iceServers"][0];
    EXPECT_EQ(server["credential"], rest_password("theirs", server["username"].get<std::string>()));
    EXPECT_EQ(server["urls"], nlohmann::json({"turn:192.0.2.1:3480?transport=udp"}));
    EXPECT_THAT(links_of(response), ElementsAre(HasSubstr("turn:192.0.2.1:3480")));
  };
  expect_theirs(service.on_ice_servers(ice_request("{}", "the key of elsewhere"), kNow));
  expect_theirs(service.on_ice_servers(
      ice_request(R"({"realm": "elsewhere.example"})", "the key of elsewhere"), kNow));
  expect_theirs(service.on_ice_servers(ice_request(R"({"realm": "elsewhere.example"})"), kNow));
  const auto turn = service.on_turn(
      turn_request(
          {{"service", "turn"}, {"realm", "elsewhere.example"}, {"key", "the key of web"}}),
      kNow);
  EXPECT_EQ(json_of(turn)["uris"], nlohmann::json({"turn:192.0.2.1:3480?transport=udp"}));
}

TEST(CredentialService, AKeyOfOneRealmIsNoneOfAnother) {
  CredentialService service(two_realms());
  const auto status = [&](const std::string& body, const std::string& key) {
    return service.on_ice_servers(ice_request(body, key), kNow).status;
  };
  EXPECT_EQ(status(R"({"realm": "example.org"})", "the key of elsewhere"), 403);
  EXPECT_EQ(status(R"({"realm": "nobody.example"})", "the key of elsewhere"), 403);
  EXPECT_EQ(status(R"({"realm": "nobody.example"})", "the key of web"), 503) << "no secret";
}

TEST(CredentialService, ALineMayNameItsRealm) {
  CredentialService service(two_realms());
  EXPECT_EQ(service.on_line("fred 60 realm=elsewhere.example\n", kNow),
            "1800000060:fred:" + rest_password("theirs", "1800000060:fred") + "\n");
  EXPECT_EQ(service.on_line("fred realm=elsewhere.example", kNow),
            "1800086400:fred:" + rest_password("theirs", "1800086400:fred") + "\n");
  EXPECT_THAT(service.on_line("fred realm=unknown.example", kNow), HasSubstr("error:"));
  EXPECT_THAT(service.on_line("fred soon realm=example.org", kNow), HasSubstr("error:"));
}

TEST(CredentialService, NoTtlIsLongerThanTheLongest) {
  CredentialService service(facts());
  const auto response = service.on_ice_servers(ice_request(R"({"ttl": "3000h"})"), kNow);
  EXPECT_EQ(json_of(response)["iceServers"][0]["username"], "1800086400");
}

TEST(CredentialService, WhatIsMalformedIsRefused) {
  CredentialService service(facts());
  for (const std::string& body :
       {std::string("["), std::string("[]"), std::string(R"({"ttl": -1})"),
        std::string(R"({"ttl": 0})"), std::string(R"({"ttl": "soon"})"),
        std::string(R"({"user": 7})"), std::string(R"({"user": "a\nb"})"),
        R"({"user": ")" + std::string(300, 'x') + "\"}", std::string(R"({"nonsense": 1})")}) {
    EXPECT_EQ(service.on_ice_servers(ice_request(body), kNow).status, 400) << body;
  }
  EXPECT_EQ(service.on_turn(turn_request({{"key", "the key of web"}}), kNow).status, 400);
}

TEST(CredentialService, ASourceThatAsksTooOftenWaits) {
  CredentialFacts few = facts();
  few.config.burst = 3;
  few.config.requests_per_second = 1;
  CredentialService service(std::move(few));
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(service.on_ice_servers(ice_request("{}", "wrong"), kNow).status, 401);
  }
  EXPECT_EQ(service.on_ice_servers(ice_request("{}"), kNow).status, 429);
  Now later = kNow;
  later.monotonic += std::chrono::seconds(1);
  EXPECT_EQ(service.on_ice_servers(ice_request("{}"), later).status, 200);
  HttpRequest another = ice_request("{}");
  another.client = *TransportAddress::parse("198.51.100.2:5000");
  EXPECT_EQ(service.on_ice_servers(another, kNow).status, 200);
}

TEST(CredentialService, OnlyPagesOfKnownOriginsMayAskThemselves) {
  CredentialService service(facts());
  HttpRequest request = ice_request("{}");
  request.headers.emplace_back("Origin", "https://meet.example.org");
  EXPECT_THAT(service.on_ice_servers(request, kNow).headers,
              testing::Contains(std::pair<std::string, std::string>("Access-Control-Allow-Origin",
                                                                    "https://meet.example.org")));
  EXPECT_FALSE(service.on_preflight(request).headers.empty());
  request.headers.back().second = "https://evil.example";
  EXPECT_TRUE(service.on_preflight(request).headers.empty());
}

TEST(CredentialService, ALineIsAnsweredWithUserAndPassword) {
  CredentialService service(facts());
  EXPECT_EQ(service.on_line("fred 60\r\n", kNow),
            "1800000060:fred:" + rest_password("shared", "1800000060:fred") + "\n");
  EXPECT_EQ(service.on_line("", kNow),
            "1800086400:" + rest_password("shared", "1800086400") + "\n");
  EXPECT_THAT(service.on_line("fred soon", kNow), HasSubstr("error:"));
}

TEST(CredentialService, AfterAReloadOtherFactsCount) {
  CredentialService service(facts());
  CredentialFacts other = facts();
  other.realms["example.org"].secrets = {Secret("newer")};
  other.config.keys.erase("web");
  service.reload(std::move(other));
  EXPECT_EQ(service.on_ice_servers(ice_request("{}"), kNow).status, 401);
  EXPECT_EQ(service.on_line("fred 60", kNow),
            "1800000060:fred:" + rest_password("newer", "1800000060:fred") + "\n");
}

TEST(SourceRates, TheTableHasABound) {
  SourceRates rates;
  for (uint32_t i = 0; i < 3 * SourceRates::kSources; ++i) {
    const std::array<uint8_t, 4> bytes{10, static_cast<uint8_t>(i >> 16),
                                       static_cast<uint8_t>(i >> 8), static_cast<uint8_t>(i)};
    EXPECT_TRUE(rates.allows(IpAddress::v4(bytes), 1, 1, kNow.monotonic));
    EXPECT_LE(rates.size(), SourceRates::kSources);
  }
}

TEST(SourceRates, AnIpv6NetworkIsOneSource) {
  SourceRates rates;
  EXPECT_TRUE(rates.allows(*IpAddress::parse("2001:db8::1"), 1, 1, kNow.monotonic));
  EXPECT_FALSE(rates.allows(*IpAddress::parse("2001:db8::2"), 1, 1, kNow.monotonic));
  EXPECT_TRUE(rates.allows(*IpAddress::parse("2001:db8:0:1::1"), 1, 1, kNow.monotonic));
}

// The relay knows a class by the secret that has signed.
TEST(CredentialService, AKeysClassChoosesTheSecret) {
  CredentialFacts with_classes = facts();
  auto& realm = with_classes.realms["example.org"];
  realm.secrets = {Secret("for guests"), Secret("shared"), Secret("for bots")};
  realm.secret_classes = {"guest", "", "bot"};
  with_classes.config.keys["guests"].credential_class = "guest";
  with_classes.config.keys["elsewhere"].realm.clear();
  with_classes.config.keys["elsewhere"].credential_class = "nobody's";
  CredentialService service(with_classes);
  const auto password_for = [&](const std::string& key, std::string_view secret) {
    const auto response = service.on_ice_servers(ice_request(R"({"user": "eve"})", key), kNow);
    EXPECT_EQ(response.status, 200) << response.body;
    const auto server = json_of(response)["iceServers"][0];
    EXPECT_EQ(server["credential"], rest_password(secret, server["username"].get<std::string>()));
  };
  password_for("the key of guests", "for guests");
  password_for("the key of web", "shared");
  EXPECT_EQ(service.on_ice_servers(ice_request("{}", "the key of elsewhere"), kNow).status, 503);
}

}  // namespace
}  // namespace uturn
