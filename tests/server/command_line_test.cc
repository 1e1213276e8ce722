// The command line: every flag of serve, every refusal, every exit status.
#include "server/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "server/privileges.h"
#include "tests/server/command_line_running.h"
#include "tests/server/made_certificate.h"
#include "tests/server/temporary_directory.h"

namespace uturn {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

using Arguments = std::vector<std::string>;

TEST(CommandLine, AloneItPrintsUsageAndExits2) {
  const CommandRun result = run({});
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err, HasSubstr("uturn serve [-c FILE]"));
}

TEST(CommandLine, VersionAndHelpAreNoErrors) {
  EXPECT_THAT(run({"--version"}).out, StartsWith("uturn "));
  for (const Arguments& arguments : std::vector<Arguments>{{"--version"},
                                                           {"help"},
                                                           {"--help"},
                                                           {"help", "serve"},
                                                           {"serve", "--help"},
                                                           {"help", "check"},
                                                           {"help", "credentials"},
                                                           {"help", "probe"},
                                                           {"help", "bench"},
                                                           {"help", "help"}}) {
    const CommandRun result = run(arguments);
    EXPECT_EQ(result.status, 0) << arguments.back();
    EXPECT_FALSE(result.out.empty()) << arguments.back();
    EXPECT_EQ(result.err, "") << arguments.back();
  }
  EXPECT_THAT(run({"help", "serve"}).out, HasSubstr("--relay-ports"));
}

TEST(CommandLine, AnUnknownCommandIsRefusedWithTheNearest) {
  const CommandRun result = run({"serv"});
  EXPECT_EQ(result.status, 2);
  EXPECT_EQ(result.err, "uturn: there is no command 'serv'; did you mean serve?\n");
  EXPECT_EQ(run({"xyzzy"}).err, "uturn: there is no command 'xyzzy'\n");
}

TEST(CommandLine, LaterCommandsAreToldApartFromUnknownOnes) {
  for (const char* name : {"import", "doctor", "cat"}) {
    for (const Arguments& arguments : {Arguments{name}, Arguments{name, "--json"}}) {
      const CommandRun result = run(arguments);
      EXPECT_EQ(result.status, 2);
      EXPECT_EQ(result.err,
                std::string("uturn ") + name + ": this version does not have this command yet\n");
    }
  }
}

TEST(ServeFlags, EachReachesItsSetting) {
  const CommandRun result = run({"serve",
                                 "--listen",
                                 "udp://127.0.0.1:0",
                                 "--listen",
                                 "udp://[::1]:0",
                                 "--realm",
                                 "r",
                                 "--user",
                                 "alice:wonderland",
                                 "--user",
                                 "bob:0x00112233445566778899aabbccddeeff",
                                 "--auth-secret",
                                 "s1",
                                 "--auth-secret",
                                 "s2",
                                 "--relay-ip",
                                 "127.0.0.1",
                                 "--relay-ip",
                                 "127.0.0.2",
                                 "--external-ip",
                                 "192.0.2.1/127.0.0.1",
                                 "--relay-ports",
                                 "50000-50999",
                                 "--channels",
                                 "rfc5766",
                                 "--default-family",
                                 "keep",
                                 "--allow-peer",
                                 "127.0.0.0/8",
                                 "--deny-peer",
                                 "192.0.2.1-192.0.2.9",
                                 "--workers",
                                 "3",
                                 "--io",
                                 "epoll",
                                 "--state-dir",
                                 "/tmp/x",
                                 "--run-as",
                                 "nobody",
                                 "--log-level",
                                 "debug",
                                 "--log-format",
                                 "json",
                                 "--ready-file",
                                 "/tmp/ready",
                                 "--set",
                                 "limits.allocations=7"});
  EXPECT_EQ(result.err, "");
  EXPECT_EQ(result.status, 0);
  ASSERT_TRUE(called.served);
  const Config& c = *called.served;
  ASSERT_EQ(c.listeners.size(), 2u);
  EXPECT_EQ(c.listeners[1].to_string(), "udp://[::1]:0");
  EXPECT_EQ(c.server.realm, "r");
  EXPECT_EQ(c.auth.users.at("alice").password.reveal(), "wonderland");
  EXPECT_EQ(c.auth.users.at("bob").keys.size(), 1u);
  EXPECT_EQ(c.auth.secrets.size(), 2u);
  EXPECT_EQ(c.relay.addresses.size(), 2u);
  EXPECT_EQ(c.relay.external.size(), 1u);
  EXPECT_EQ(c.relay.ports, (PortRange{50000, 50999}));
  EXPECT_EQ(c.relay.channels, ChannelRange::rfc5766);
  EXPECT_EQ(c.relay.default_family, DefaultFamily::keep);
  EXPECT_EQ(c.peers.allow.size(), 1u);
  EXPECT_EQ(c.peers.deny.size(), 1u);
  EXPECT_EQ(c.server.workers, 3u);
  EXPECT_EQ(c.server.io, IoWish::epoll);
  EXPECT_EQ(c.server.state_dir, "/tmp/x");
  EXPECT_EQ(c.server.run_as, "nobody");
  EXPECT_EQ(c.log.level, LogLevel::debug);
  EXPECT_EQ(c.log.format, LogFormat::json);
  EXPECT_EQ(c.start.ready_file, "/tmp/ready");
  EXPECT_EQ(c.limits.allocations, 7u);
  EXPECT_FALSE(c.start.credential_generated);
}

TEST(ServeFlags, ARepeatableFlagReplacesTheFilesList) {
  const TemporaryDirectory directory;
  const std::string file =
      directory.write("uturn.yaml",
                      "listeners: [\"udp://192.0.2.1:3478\", \"udp://192.0.2.2:3478\"]\n"
                      "server: {realm: from.the.file}\nauth: {secrets: [a, b, c]}\n");
  ASSERT_EQ(run({"serve", "-c", file, "--listen", "udp://127.0.0.1:0", "--auth-secret", "d"}).err,
            "");
  ASSERT_EQ(called.served->listeners.size(), 1u);
  EXPECT_EQ(called.served->listeners[0].to_string(), "udp://127.0.0.1:0");
  EXPECT_EQ(called.served->auth.secrets.size(), 1u);
  EXPECT_EQ(called.served->server.realm, "from.the.file");
  EXPECT_EQ(called.served->start.config_file, file);
  EXPECT_FALSE(called.served->start.is_quick_start());
}

TEST(ServeFlags, ACertificateAndItsKeyAreFilesSeenFromHere) {
  const TemporaryDirectory directory;
  const TestKey key = make_ec_key();
  const std::string certificate_file = directory.write("cert.pem", make_certificate(key));
  const std::string key_file = directory.write("key.pem", private_key_pem(key));
  const std::string relative = std::filesystem::relative(certificate_file).string();
  ASSERT_EQ(relative.substr(0, 1), ".");
  ASSERT_EQ(run({"serve", "--cert", relative, "--key", key_file, "--proxy-from", "192.0.2.0/24",
                 "--proxy-from", "2001:db8::1"})
                .err,
            "");
  EXPECT_EQ(called.served->tls.main, (CertificateFiles{certificate_file, key_file}));
  EXPECT_EQ(called.served->proxy.from.size(), 2u);
  EXPECT_FALSE(called.served->start.certificate_generated);
}

TEST(ServeFlags, SecretsMayComeFromTheEnvironmentOrAFile) {
  ConfigReading reading;
  reading.environment["PW"] = "wonderland";
  reading.files["/run/s"] = "swordfish\n";
  ASSERT_EQ(run({"serve", "--user", "alice:${PW}", "--auth-secret", "file:/run/s"}, reading).err,
            "");
  EXPECT_EQ(called.served->auth.users.at("alice").password.reveal(), "wonderland");
  EXPECT_EQ(called.served->auth.secrets[0].reveal(), "swordfish");
}

TEST(ServeFlags, SetReachesAnyKey) {
  ASSERT_EQ(run({"serve", "--no-auth", "--set", "peers.allow=[10.0.0.0/8, 192.0.2.1]", "--set",
                 "log.privacy=none"})
                .err,
            "");
  EXPECT_EQ(called.served->peers.allow.size(), 2u);
  EXPECT_EQ(called.served->log.privacy, LogPrivacy::none);
  EXPECT_FALSE(called.served->auth.required);
}

TEST(ServeFlags, WithoutAFileAndWithoutUsersACredentialIsMade) {
  ASSERT_EQ(run({"serve"}).status, 0);
  ASSERT_TRUE(called.served);
  EXPECT_TRUE(called.served->start.credential_generated);
  EXPECT_EQ(called.served->auth.users.at("uturn").password.reveal().size(), 22u);
}

struct Refusal {
  Arguments arguments;
  const char* error;
};
class ServeRefusal : public testing::TestWithParam<Refusal> {};

TEST_P(ServeRefusal, NamesTheFlagAndStartsNothing) {
  const CommandRun result = run(GetParam().arguments);
  EXPECT_EQ(result.status, 2);
  EXPECT_EQ(result.err, std::string("uturn serve: ") + GetParam().error + "\n");
  EXPECT_FALSE(called.served);
}

INSTANTIATE_TEST_SUITE_P(
    Values, ServeRefusal,
    testing::Values(
        Refusal{{"serve", "--listen", "0.0.0.0"},
                "--listen: expected a listener like udp://192.0.2.1:3478 or "
                "udp://[2001:db8::1]:3478; found '0.0.0.0'"},
        Refusal{{"serve", "--user", "alice"}, "--user: expected NAME:PASSWORD or NAME:0xHEXKEY"},
        Refusal{{"serve", "--user", ":x"}, "--user: expected NAME:PASSWORD or NAME:0xHEXKEY"},
        Refusal{{"serve", "--user", "a:x", "--user", "a:y"}, "--user: a is given twice"},
        Refusal{{"serve", "--user", "a:0x12"},
                "--user: expected 32 hex digits (MD5) or 64 (SHA-256)"},
        Refusal{{"serve", "--user", "a:"}, "--user: expected {password: \"...\"} or {key: 0x...}"},
        Refusal{{"serve", "--relay-ports", "9-8"},
                "--relay-ports: expected ports MIN-MAX, 1 to 65535, like 49152-65535; found '9-8'"},
        Refusal{{"serve", "--workers", "0"},
                "--workers: expected auto or a number from 1 to 64; found '0'"},
        Refusal{{"serve", "--proxy-from", "haproxy"},
                "--proxy-from: expected an address, a prefix without host bits or a range, like "
                "192.0.2.1, 10.0.0.0/8 or 10.0.0.1-10.0.0.9; found 'haproxy'"},
        Refusal{{"serve", "--key", "file:/k"}, "--key: /k cannot be read: no such file"},
        Refusal{{"serve", "--detect-external", "magic"},
                "--detect-external: expected metadata or stun:HOST"},
        Refusal{{"serve", "--set", "limits.allocations"},
                "--set: expected PATH=VALUE, like limits.allocations=1000"},
        Refusal{{"serve", "--set", "limits.alloctions=1"},
                "--set: limits.alloctions: unknown key; did you mean limits.allocations?"},
        Refusal{{"serve", "--set", "server.realm="},
                "--set: server.realm: expected a realm of 1 to 763 bytes without control "
                "characters; found ''"},
        Refusal{{"serve", "--set", "listeners=["},
                "--set: listeners: a key must be a text, or a bracket is not closed"},
        Refusal{{"serve", "-c", "/nowhere/uturn.yaml"},
                "/nowhere/uturn.yaml cannot be read: No such file or directory"}));

INSTANTIATE_TEST_SUITE_P(Metrics, ServeRefusal,
                         testing::Values(Refusal{
                             {"serve", "--metrics", "127.0.0.1"},
                             "--metrics: expected IP:PORT or none; found '127.0.0.1'"}));

INSTANTIATE_TEST_SUITE_P(
    Contradictions, ServeRefusal,
    testing::Values(
        Refusal{{"serve", "--set", "listeners=[]"}, "listeners: at least one is needed"},
        Refusal{{"serve", "--cert", "/nowhere/c"},
                "tls.key: tls.certificate needs its private key (--key FILE)"},
        Refusal{{"serve", "--cert", "/nowhere/c", "--key", "/nowhere/k"},
                "tls.certificate: /nowhere/c cannot be read: No such file or directory"},
        Refusal{{"serve", "--relay-ip", "192.0.2.1", "--external-ip", "203.0.113.1/192.0.2.2"},
                "relay.external: 203.0.113.1/192.0.2.2 maps no address of relay.addresses"},
        Refusal{{"serve", "--relay-ip", "192.0.2.1", "--relay-ip", "192.0.2.2", "--external-ip",
                 "203.0.113.1"},
                "relay.external: two of relay.addresses would be seen as 203.0.113.1; give each "
                "its own, PUBLIC/PRIVATE"},
        Refusal{{"serve", "--relay-ip", "2001:db8::1"},
                "relay.default_family: ipv4 has no address in relay.addresses; name one or change "
                "the family"}));

TEST(ServeFlags, AnUnknownAccountIsToldBeforeAnythingIsBound) {
  if (!is_root()) GTEST_SKIP() << "only root can become somebody else";
  const CommandRun result = run({"serve", "--run-as", "no-such-user"});
  EXPECT_EQ(result.status, 2);
  EXPECT_EQ(result.err, "uturn serve: server.run_as: there is no user 'no-such-user'\n");
  EXPECT_FALSE(called.served);
}

TEST(ServeFlags, AnUnknownFlagIsNamed) {
  const CommandRun result = run({"serve", "--relay-prots", "1-2"});
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err, HasSubstr("--relay-prots"));
  EXPECT_FALSE(called.served);
}

TEST(ServeFlags, AFlagWithoutItsValueIsNamed) {
  const CommandRun result = run({"serve", "--realm"});
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err, HasSubstr("--realm"));
}

TEST(ServeFlags, AFlagGivenTwiceThatIsNoListIsRefused) {
  const CommandRun result = run({"serve", "--realm", "a", "--realm", "b"});
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err, HasSubstr("--realm"));
}

TEST(ServeFlags, PasswordsStayOutOfErrors) {
  for (const Arguments& arguments :
       std::vector<Arguments>{{"serve", "--user", "swordfish"},
                              {"serve", "--user", "a:0xswordfish"},
                              {"serve", "--set", "auth.secrets=swordfish"},
                              {"serve", "--user", "a:${swordfish"}}) {
    const CommandRun result = run(arguments);
    EXPECT_EQ(result.status, 2);
    EXPECT_THAT(result.err, Not(HasSubstr("swordfish")));
  }
}

TEST(ServeFlags, AFileWithoutUsersIsNotServedInTheOpen) {
  const TemporaryDirectory directory;
  const std::string file = directory.write("uturn.yaml", "server: {realm: x}\n");
  const CommandRun result = run({"serve", "-c", file});
  EXPECT_EQ(result.status, 2);
  EXPECT_EQ(result.err,
            "uturn serve: auth: nobody could log in: add users or secrets (--user NAME:PASSWORD, "
            "--auth-secret S), or say --no-auth to relay for everybody\n");
  EXPECT_FALSE(called.served);
  EXPECT_EQ(run({"serve", "-c", file, "--no-auth"}).status, 0);
}

TEST(ServeFlags, ACoturnFileIsRefusedInOneSentence) {
  const TemporaryDirectory directory;
  const std::string file =
      directory.write("turnserver.conf", "listening-port=3478\nuse-auth-secret\n");
  const CommandRun result = run({"serve", "-c", file});
  EXPECT_EQ(result.status, 2);
  EXPECT_EQ(result.err, "uturn serve: " + file +
                            ": this is a turnserver.conf of coturn; this version reads YAML only, "
                            "an importer comes later\n");
}

TEST(DetectExternal, TheAnswerBecomesAnExternalAddress) {
  const CommandRun result = run({"serve", "--detect-external", "stun:turn.example.org"});
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(called.detected->stun_host, "turn.example.org");
  EXPECT_EQ(result.err, "uturn serve: asked a friend\n");
  ASSERT_EQ(called.served->relay.external.size(), 1u);
  EXPECT_EQ(called.served->relay.external[0].to_string(), "203.0.113.7");
}

TEST(DetectExternal, NobodyIsAskedUnlessTold) {
  ASSERT_EQ(run({"serve"}).status, 0);
  EXPECT_FALSE(called.detected);
}

TEST(DetectExternal, NoAnswerIsAFailureOfThisStart) {
  const CommandRun result = run({"serve", "--detect-external", "stun:silent.example"});
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.err, HasSubstr("--detect-external: no answer"));
  EXPECT_FALSE(called.served);
}

TEST(DetectExternal, ItDoesNotOverruleWhatWasSaid) {
  const CommandRun result =
      run({"serve", "--external-ip", "203.0.113.9", "--detect-external", "metadata"});
  EXPECT_EQ(result.status, 2);
  EXPECT_TRUE(called.detected->by_metadata);
  EXPECT_THAT(result.err, HasSubstr("relay.external names an address of that family already"));
}

TEST(ProbeCommand, ItsOptionsReachTheProbe) {
  ConfigReading reading;
  reading.environment["PW"] = "wonderland";
  const CommandRun result = run({"probe", "turn:turn.example.org", "--user", "alice", "--password",
                                 "${PW}", "--json", "--timeout", "3"},
                                reading);
  EXPECT_EQ(result.status, 1);  // what the probe said
  ASSERT_TRUE(called.probed);
  EXPECT_EQ(called.probed->uri, "turn:turn.example.org");
  EXPECT_EQ(called.probed->username, "alice");
  EXPECT_EQ(called.probed->password, "wonderland");
  EXPECT_TRUE(called.probed->json);
  EXPECT_EQ(called.probed->timeout, std::chrono::seconds(3));
}

TEST(ProbeCommand, SaysWhichCertificatesAreBelieved) {
  run({"probe", "turns:turn.example.org", "--insecure", "--ca", "ca.pem"});
  ASSERT_TRUE(called.probed);
  EXPECT_TRUE(called.probed->security.insecure);
  EXPECT_EQ(called.probed->security.authorities_file, "ca.pem");
}

TEST(ProbeCommand, WithoutAUriItIsUsage) {
  EXPECT_EQ(run({"probe"}).status, 2);
  EXPECT_EQ(run({"probe", "stun:x", "--timeout", "0"}).status, 2);
  EXPECT_FALSE(called.probed);
}

TEST(CredentialsCommand, WithoutASecretItSaysHow) {
  const CommandRun result = run({"credentials"});
  EXPECT_EQ(result.status, 2);
  EXPECT_EQ(result.err,
            "uturn credentials: no secret; say --secret S, or -c FILE of a configuration with "
            "auth.secrets\n");
}

TEST(CredentialsCommand, TtlIsSecondsOrADuration) {
  for (const char* ttl : {"0", "-1", "soon", "10ms"}) {
    const CommandRun result = run({"credentials", "--secret", "s", "--ttl", ttl});
    EXPECT_EQ(result.status, 2) << ttl;
    EXPECT_THAT(result.err, HasSubstr("--ttl")) << ttl;
  }
  EXPECT_EQ(run({"credentials", "--secret", "s", "--ttl", "12h"}).status, 0);
  EXPECT_EQ(run({"credentials", "--secret", "s", "--ttl", "3600"}).status, 0);
}

}  // namespace
}  // namespace uturn
