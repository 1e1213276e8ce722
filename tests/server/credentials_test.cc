// TURN REST credentials and the iceServers snippet.
#include "server/credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "auth/rest_secrets.h"
#include "client/turn_uri.h"
#include "server/ice_servers.h"

namespace uturn {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

IpAddress ip(std::string_view text) { return *IpAddress::parse(text); }
ListenerUri uri(std::string_view text) { return *ListenerUri::parse(text); }

const std::vector<LocalAddress> kLocals = {
    {ip("127.0.0.1"), "lo"},
    {ip("172.17.0.1"), "docker0"},
    {ip("192.0.2.1"), "eth0", true},
    {ip("fe80::1"), "eth0"},
    {ip("::1"), "lo"},
    {ip("2001:db8::1"), "eth0"},
};

// The secret and name of the draft's own kind; the HMAC was computed with openssl(1):
// printf 1433895918:alice | openssl dgst -sha1 -hmac north -binary | base64
TEST(RestCredential, IsTheHmacOfExpiryAndId) {
  const CalendarTime expires_at{std::chrono::seconds(1'433'895'918)};
  const auto credential = make_rest_credential(Secret("north"), {}, "alice", expires_at);
  EXPECT_EQ(credential.username, "1433895918:alice");
  EXPECT_EQ(credential.password, "RqMvcGPYTJMGThVLSi4amT4zFtI=");
  EXPECT_EQ(make_rest_credential(Secret("north"), {}, "", expires_at).username, "1433895918");
}

TEST(RestCredential, TheServerAcceptsItUntilItExpires) {
  const CalendarTime expires_at{std::chrono::seconds(2'000'000'000)};
  const auto credential =
      make_rest_credential(Secret("north"), {.separator = '|'}, "alice", expires_at);
  const RestSecrets server("example.org", {"south", "north"}, {.separator = '|'});
  const auto user = server.candidate(1, credential.username, PasswordAlgorithm::md5);
  ASSERT_TRUE(user);
  EXPECT_EQ(user->quota_id, "alice");
  EXPECT_EQ(user->expires_at, expires_at);
  EXPECT_EQ(user->md5, Key::derive(PasswordAlgorithm::md5, credential.username, "example.org",
                                   credential.password));
}

TEST(Credentials, PrintsWhatAPageNeeds) {
  Config config;
  config.auth.secrets.emplace_back("north");
  std::ostringstream out;
  std::ostringstream err;
  const CalendarTime now{std::chrono::seconds(1'700'000'000)};
  EXPECT_EQ(
      print_credentials({"alice", std::chrono::seconds(3600)}, config, kLocals, now, out, err), 0);
  const auto server = nlohmann::json::parse(out.str())["iceServers"][0];
  EXPECT_EQ(server["username"], "1700003600:alice");
  EXPECT_EQ(server["credential"], rest_password("north", "1700003600:alice"));
  EXPECT_THAT(server["urls"],
              ElementsAre("stun:192.0.2.1", "stun:[2001:db8::1]", "turn:192.0.2.1?transport=udp",
                          "turn:[2001:db8::1]?transport=udp", "turn:192.0.2.1?transport=tcp",
                          "turn:[2001:db8::1]?transport=tcp"));
  EXPECT_EQ(err.str(), "");
}

TEST(Credentials, AreOfTheRealmThatIsNamed) {
  Config config;
  config.auth.secrets.emplace_back("north");
  config.realms["other.example"].secrets.emplace_back("south");
  config.realms["empty.example"];
  config.listeners = {uri("udp://192.0.2.1:3478"), uri("udp://192.0.2.1:3480")};
  config.listeners.back().realm = "other.example";
  const auto print = [&](const std::string& realm, std::string& said, const char* secret = "") {
    CredentialsOptions options{"alice", std::chrono::seconds(60)};
    options.realm = realm;
    options.secret = Secret(secret);
    std::ostringstream out;
    std::ostringstream err;
    const int status = print_credentials(
        options, config, kLocals, CalendarTime{std::chrono::seconds(1'700'000'000)}, out, err);
    said = out.str() + err.str();
    return status;
  };
  std::string said;
  ASSERT_EQ(print("other.example", said), 0) << said;
  const auto server = nlohmann::json::parse(said)["iceServers"][0];
  EXPECT_EQ(server["credential"], rest_password("south", "1700000060:alice"));
  EXPECT_THAT(server["urls"],
              ElementsAre("stun:192.0.2.1:3480", "turn:192.0.2.1:3480?transport=udp"));
  EXPECT_EQ(print("empty.example", said), 2);
  EXPECT_THAT(said, ::testing::HasSubstr("realms.empty.example.secrets"));
  EXPECT_EQ(print("empty.example", said, "said by a flag"), 0);
  EXPECT_EQ(print("unknown.example", said), 2);
  EXPECT_THAT(said, ::testing::HasSubstr("there is no realm unknown.example"));
}

TEST(ListenersOfARealm, AreItsOwnOrElseThoseOfEverybody) {
  std::vector<ListenerUri> all = {uri("udp://192.0.2.1:1"), uri("udp://192.0.2.1:2"),
                                  uri("udp://192.0.2.1:3")};
  all[1].realm = "other.example";
  all[2].realm = "example.org";
  const auto ports = [&](const std::string& realm) {
    std::vector<uint16_t> found;
    for (const ListenerUri& listener : listeners_of_realm(all, realm, "example.org")) {
      found.push_back(listener.address.port);
    }
    return found;
  };
  EXPECT_THAT(ports("example.org"), ElementsAre(1, 3));
  EXPECT_THAT(ports("other.example"), ElementsAre(2));
  EXPECT_THAT(ports("third.example"), ElementsAre(1));
}

TEST(IceUrls, AWildcardStandsForThePreferredAddressOfItsFamily) {
  EXPECT_THAT(ice_urls({uri("udp://0.0.0.0:3478")}, {}, kLocals),
              ElementsAre("stun:192.0.2.1", "turn:192.0.2.1?transport=udp"));
  EXPECT_THAT(ice_urls({uri("udp://[::]:5000")}, {}, kLocals),
              ElementsAre("stun:[2001:db8::1]:5000", "turn:[2001:db8::1]:5000?transport=udp"));
}

TEST(IceUrls, AMappedAddressIsToldByItsPublicOne) {
  EXPECT_THAT(ice_urls({uri("udp://10.0.0.5:3478")},
                       {*ExternalMapping::parse("203.0.113.7/10.0.0.5")}, kLocals),
              ElementsAre("stun:203.0.113.7", "turn:203.0.113.7?transport=udp"));
}

TEST(IceUrls, EachTransportHasItsForm) {
  EXPECT_THAT(
      ice_urls({uri("dtls://0.0.0.0:5349"), uri("tls://0.0.0.0:443"), uri("tls://[::]:5349"),
                uri("tcp://0.0.0.0:3478"), uri("udp://0.0.0.0:3478")},
               {}, kLocals),
      ElementsAre("stun:192.0.2.1", "turn:192.0.2.1?transport=udp", "turn:192.0.2.1?transport=tcp",
                  "turns:192.0.2.1:443?transport=tcp", "turns:[2001:db8::1]?transport=tcp",
                  "turns:192.0.2.1?transport=udp"));
}

TEST(IceUrls, EachCanBeReadByAClient) {
  for (const char* listener : {"udp://0.0.0.0:3478", "tcp://[::]:80", "tls://0.0.0.0:5349",
                               "tls://[::]:443", "dtls://0.0.0.0:5000", "dtls://[::]:5349"}) {
    for (const std::string& url : ice_urls({uri(listener)}, {}, kLocals)) {
      const auto read = TurnUri::parse(url);
      ASSERT_TRUE(read) << url;
      EXPECT_EQ(read->transport, uri(listener).transport) << url;
      EXPECT_EQ(read->port, uri(listener).address.port) << url;
    }
  }
}

TEST(IceUrls, TurnsNamesTheHostOfTheCertificate) {
  EXPECT_THAT(
      ice_urls({uri("udp://0.0.0.0:3478"), uri("tls://0.0.0.0:5349"), uri("tls://[::]:5349")}, {},
               kLocals, "turn.example.org"),
      ElementsAre("stun:192.0.2.1", "turn:192.0.2.1?transport=udp",
                  "turns:turn.example.org?transport=tcp"));
}

TEST(IceUrls, NothingIsToldTwiceAndLinkLocalNever) {
  EXPECT_THAT(ice_urls({uri("udp://192.0.2.1:3478"), uri("udp://0.0.0.0:3478")}, {}, kLocals),
              ElementsAre("stun:192.0.2.1", "turn:192.0.2.1?transport=udp"));
  EXPECT_THAT(ice_urls({uri("udp://[fe80::1]:3478")}, {}, kLocals), IsEmpty());
  EXPECT_THAT(ice_urls({uri("udp://[::]:3478")}, {}, {{ip("127.0.0.1"), "lo"}}), IsEmpty());
}

TEST(IceServers, WhatJsonWouldMisreadIsEscaped) {
  const auto parsed = nlohmann::json::parse(ice_servers_json({"stun:x"}, "a\"b", "c\\d"));
  EXPECT_EQ(parsed["iceServers"][0]["username"], "a\"b");
  EXPECT_EQ(parsed["iceServers"][0]["credential"], "c\\d");
  EXPECT_FALSE(
      nlohmann::json::parse(ice_servers_json({"stun:x"}, "", ""))["iceServers"][0].contains(
          "username"));
}

}  // namespace
}  // namespace uturn
