// `uturn check`: what it tells, and its exit status.
#include "server/check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/server/command_line_running.h"
#include "tests/server/made_certificate.h"
#include "tests/server/temporary_directory.h"

namespace uturn {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

CommandRun check(const std::string& yaml) {
  const TemporaryDirectory directory;
  return run({"check", directory.write("uturn.yaml", yaml)});
}

TEST(Check, AGoodFileIsExplained) {
  const CommandRun result = check(
      "server: {realm: example.org}\nauth: {users: {alice: {password: swordfish}}, "
      "secrets: [swordfish]}\n");
  EXPECT_EQ(result.status, 0);
  EXPECT_THAT(result.out, HasSubstr("uturn.yaml: would be served\n"));
  EXPECT_THAT(result.out, HasSubstr("keys used:\n  server.realm\n  auth.users\n  auth.secrets\n"));
  EXPECT_THAT(result.out, HasSubstr("  users: 1 in auth.users, then TURN REST names by 1 secret, "
                                    "in realm example.org\n"));
  EXPECT_THAT(result.out, HasSubstr("  password algorithms: SHA-256 and MD5, every source can "
                                    "produce both\n"));
  EXPECT_THAT(result.out, HasSubstr("  limits.allocations_per_user is 0: one leaked credential can "
                                    "take every relay port\n"));
  EXPECT_THAT(result.out, HasSubstr("  server:\n    realm: example.org\n"));
  EXPECT_THAT(result.out, Not(HasSubstr("swordfish")));
}

TEST(Check, ABadFileIsExplainedAndExits2) {
  const CommandRun result = check("server: {realm: x, wrkers: 2}\nlog: {level: loud}\n");
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.out, HasSubstr("would not be served"));
  EXPECT_THAT(result.out,
              HasSubstr(":1: server.wrkers: unknown key; did you mean server.workers?"));
  EXPECT_THAT(result.out, HasSubstr(":2: log.level: expected trace"));
  EXPECT_THAT(result.out, HasSubstr("keys used:\n  server.realm\n"));
  EXPECT_THAT(result.out, Not(HasSubstr("effective settings")));
}

TEST(Check, WhatServeRejectsItRejects) {
  EXPECT_EQ(check("").status, 2);  // nobody could log in
  EXPECT_EQ(check("listening-port=3478\n").status, 2);
  EXPECT_EQ(run({"check", "/nowhere"}).status, 2);
  EXPECT_EQ(run({"check"}).status, 2);
}

TEST(Check, CertificatesAreExplained) {
  const TemporaryDirectory directory;
  const TestKey key = make_ec_key();
  const std::string certificate_file = directory.write("c.pem", make_certificate(key));
  const std::string key_file = directory.write("k.pem", private_key_pem(key));
  const CommandRun result = check("auth: {secrets: [s]}\ntls: {certificate: " + certificate_file +
                                  ", key: " + key_file + "}\n");
  EXPECT_EQ(result.status, 0);
  EXPECT_THAT(result.out, HasSubstr("certificates:\n  " + certificate_file +
                                    ": for turn.example.org, until 2096-10-02\n"));
  EXPECT_EQ(
      check("auth: {secrets: [s]}\ntls: {certificate: /nowhere/c, key: " + key_file + "}\n").status,
      2);
}

Config config_of(const std::string& yaml) {
  const ReadConfig read = read_yaml(yaml);
  EXPECT_EQ(problem_of(read), "");
  return read.config;
}

std::string algorithms_of(const std::string& yaml) {
  const Config config = config_of(yaml);
  AskedDatabase database(config);
  return explain_algorithms(config, config.server.realm, database);
}

std::string anonymity_of(const std::string& yaml) {
  const Config config = config_of(yaml);
  return explain_anonymity(config, config.server.realm);
}

TEST(Check, AnMd5OnlyKeyKeepsSha256FromBeingAnnounced) {
  const std::string md5(32, 'a');
  const std::string sha256(64, 'b');
  EXPECT_EQ(algorithms_of(("auth: {users: {bob: {key: " + md5 + "}}}")),
            "password algorithms: MD5 only, since auth.users.bob has no SHA-256 key");
  EXPECT_EQ(algorithms_of(("auth: {users: {bob: {key: [" + md5 + ", " + sha256 + "]}}}")),
            "password algorithms: SHA-256 and MD5, every source can produce both");
  EXPECT_EQ(algorithms_of(("auth: {required: false}")),
            "password algorithms: none, everybody is accepted");
}

TEST(Check, AnonymityNeedsNamesThatCanBeEnumerated) {
  EXPECT_EQ(anonymity_of(("auth: {secrets: [s]}")),
            "username anonymity: not announced, auth.username_anonymity is false");
  EXPECT_EQ(anonymity_of(("auth: {secrets: [s], username_anonymity: true}")),
            "username anonymity: not announced, the names of TURN REST users cannot be enumerated");
  EXPECT_EQ(anonymity_of(("auth: {users: {a: {password: b}}, username_anonymity: true}")),
            "username anonymity: announced");
}

constexpr std::string_view kTwoRealms = R"(
server: {realm: example.org}
listeners: ["udp://192.0.2.1:3478", {uri: "udp://192.0.2.1:3480", realm: meet.example}]
auth: {secrets: [s]}
limits: {allocations_per_user: 9}
realms:
  meet.example:
    users: {bob: {key: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}, zoe: {password: swordfish}}
    secrets: [swordfish, swordfish2]
    oauth: {keys: [{kid: north, key: "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="}]}
    origins: [https://meet.example]
    peers: {allow: [10.1.2.3], deny: [10.0.0.0/8, 192.0.2.9]}
)";

TEST(Check, EveryRealmIsExplained) {
  const CommandRun result = check(std::string(kTwoRealms));
  EXPECT_EQ(result.status, 0);
  EXPECT_THAT(result.out, HasSubstr("clients:\n  users: TURN REST names by 1 secret, in realm "
                                    "example.org\n  password algorithms: SHA-256 and MD5"));
  EXPECT_THAT(
      result.out,
      HasSubstr("realm meet.example:\n"
                "  users: 2 in realms.meet.example.users, then TURN REST names by 2 secrets, then "
                "access tokens by 1 key, in realm meet.example\n"
                "  password algorithms: MD5 only, since realms.meet.example.users.bob has no "
                "SHA-256 key\n"));
  EXPECT_THAT(result.out,
              HasSubstr("  ways there: udp://192.0.2.1:3480, https://meet.example:443, REALM"));
  EXPECT_THAT(result.out, HasSubstr("  peers: allows 10.1.2.3; denies 10.0.0.0/8, 192.0.2.9; then "
                                    "as for everybody\n"));
  EXPECT_THAT(result.out, Not(HasSubstr("swordfish")));
  EXPECT_THAT(result.out, Not(HasSubstr("warnings")));
}

TEST(Check, ARealmsMistakesAreTold) {
  const std::string common = "server: {realm: example.org}\nauth: {secrets: [s]}\n";
  EXPECT_THAT(check(common + "realms: {a.example: {origins: [https://a.example]}}\n").out,
              HasSubstr("realms.a.example: nobody can log in"));
  EXPECT_THAT(check(common + "realms: {a.example: {secrets: [s]}}\n").out,
              HasSubstr("realms.a.example: neither a listener nor an origin leads there"));
  EXPECT_THAT(
      check(common + "realms: {a.example: {peers: {allow: [10.0.0.0/8], deny: [10.1.0.0/16]}}}\n")
          .out,
      HasSubstr("realms.a.example.peers: 10.1.0.0/16 is denied in vain"));
  const CommandRun no_class = check(common +
                                    "realms: {a.example: {oauth: {keys: [{kid: a, class: guest, "
                                    "key: \"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\"}]}}}\n");
  EXPECT_EQ(no_class.status, 2);
  EXPECT_THAT(no_class.out, HasSubstr("realms.a.example.oauth.keys: there is no class guest"));
  const CommandRun twice = check(
      "server: {realm: a.example}\n"
      "auth: {oauth: {keys: [{kid: a, key: \"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\"}]}}\n"
      "realms: {a.example: {oauth: {keys: [{kid: a, "
      "key: \"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\"}]}}}\n");
  EXPECT_EQ(twice.status, 2);
  EXPECT_THAT(twice.out, HasSubstr("a is the kid of a key of auth.oauth already"));
}

TEST(Check, AnApiKeyNeedsASecretOfItsRealm) {
  const std::string hash(64, '0');
  const auto with = [&](const std::string& realms, const std::string& realm) {
    return check("server: {realm: example.org}\nauth: {users: {a: {password: b}}}\nrealms: " +
                 realms + "\ncredentials: {listen: \"127.0.0.1:0\", keys: {web: {sha256: \"" +
                 hash + "\", realm: " + realm + "}}}\n");
  };
  const std::string has_secret = "{a.example: {secrets: [s]}, b.example: {}}";
  EXPECT_EQ(with(has_secret, "a.example").status, 0) << with(has_secret, "a.example").out;
  EXPECT_THAT(with(has_secret, "b.example").out,
              HasSubstr("credentials.keys.web: realms.b.example.secrets is needed"));
  EXPECT_THAT(with(has_secret, "example.org").out,
              HasSubstr("credentials.keys.web: auth.secrets is needed"));
  EXPECT_THAT(with("{}", "example.org").out, HasSubstr("auth.secrets is needed to sign"));
  EXPECT_THAT(with(has_secret, "c.example").out,
              HasSubstr("there is no realm c.example in realms"));
}

TEST(Check, WarnsOfWhatShouldMakeSomebodyThink) {
  EXPECT_THAT(check("auth: {required: false}\n").out, HasSubstr("everybody may relay"));
  EXPECT_THAT(check("auth: {required: false, secrets: [s]}\n").out, HasSubstr("are not used"));
  EXPECT_THAT(check("auth: {secrets: [s], nonce_lifetime: 2h}\n").out,
              HasSubstr("nonces should expire within an hour"));
  EXPECT_THAT(check("auth: {secrets: [s]}\nrelay: {ports: 3000-3500}\n").out,
              HasSubstr("listeners: udp://0.0.0.0:3478 lies within relay.ports"));
  EXPECT_THAT(check("auth: {secrets: [s]}\nrelay: {ports: 50000-50009}\n").out,
              HasSubstr("relay.ports holds only 10 ports"));
  EXPECT_THAT(check("auth: {secrets: [s]}\nlimits: {allocations_per_user: 12}\n").out,
              Not(HasSubstr("warnings")));
}

}  // namespace
}  // namespace uturn
