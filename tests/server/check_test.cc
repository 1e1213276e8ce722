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

TEST(Check, AnMd5OnlyKeyKeepsSha256FromBeingAnnounced) {
  const std::string md5(32, 'a');
  const std::string sha256(64, 'b');
  EXPECT_EQ(explain_algorithms(config_of("auth: {users: {bob: {key: " + md5 + "}}}")),
            "password algorithms: MD5 only, since auth.users.bob has no SHA-256 key");
  EXPECT_EQ(
      explain_algorithms(config_of("auth: {users: {bob: {key: [" + md5 + ", " + sha256 + "]}}}")),
      "password algorithms: SHA-256 and MD5, every source can produce both");
  EXPECT_EQ(explain_algorithms(config_of("auth: {required: false}")),
            "password algorithms: none, everybody is accepted");
}

TEST(Check, AnonymityNeedsNamesThatCanBeEnumerated) {
  EXPECT_EQ(explain_anonymity(config_of("auth: {secrets: [s]}")),
            "username anonymity: not announced, auth.username_anonymity is false");
  EXPECT_EQ(explain_anonymity(config_of("auth: {secrets: [s], username_anonymity: true}")),
            "username anonymity: not announced, the names of TURN REST users cannot be enumerated");
  EXPECT_EQ(
      explain_anonymity(config_of("auth: {users: {a: {password: b}}, username_anonymity: true}")),
      "username anonymity: announced");
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
