// Configuration files: what is read, and the sentence for everything that is not.
#include "server/config_yaml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/yaml_document.h"
#include "tests/server/config_reading.h"

namespace uturn {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(ConfigYaml, TheFrameIsRead) {
  const ReadConfig read = read_yaml(R"(
server: {realm: example.org, workers: 4, io: epoll, state_dir: /var/lib/turn, run_as: "turn:net"}
listeners: ["udp://192.0.2.1:3478", "udp://[2001:db8::1]:3478"]
relay:
  addresses: [192.0.2.1, "2001:db8::1"]
  external: [198.51.100.1/192.0.2.1]
  ports: 50000-50999
  channels: rfc5766
  default_family: keep
peers: {allow: [10.0.0.0/8], deny: [203.0.113.0-203.0.113.9, 192.0.2.77]}
auth:
  users: {alice: {password: wonderland}, bob: {key: "0x00112233445566778899aabbccddeeff"}}
  secrets: [first, second]
limits: {allocations: 5000, max_lifetime: 30m}
log: {level: debug, format: json, privacy: truncated}
)");
  EXPECT_THAT(read.problems, IsEmpty());
  const Config& c = read.config;
  EXPECT_EQ(c.server.realm, "example.org");
  EXPECT_EQ(c.server.workers, 4u);
  EXPECT_EQ(c.server.io, IoWish::epoll);
  EXPECT_EQ(c.server.state_dir, "/var/lib/turn");
  EXPECT_EQ(c.server.run_as, "turn:net");
  ASSERT_EQ(c.listeners.size(), 2u);
  EXPECT_EQ(c.listeners[1].to_string(), "udp://[2001:db8::1]:3478");
  EXPECT_EQ(c.relay.addresses.size(), 2u);
  ASSERT_EQ(c.relay.external.size(), 1u);
  EXPECT_EQ(c.relay.external[0].to_string(), "198.51.100.1/192.0.2.1");
  EXPECT_EQ(c.relay.ports, (PortRange{50000, 50999}));
  EXPECT_EQ(c.relay.channels, ChannelRange::rfc5766);
  EXPECT_EQ(c.relay.default_family, DefaultFamily::keep);
  EXPECT_EQ(c.peers.allow, (std::vector{*AddressRange::parse("10.0.0.0/8")}));
  EXPECT_EQ(c.peers.deny.size(), 2u);
  EXPECT_EQ(c.auth.users.at("alice").password.reveal(), "wonderland");
  EXPECT_EQ(c.auth.users.at("bob").keys.front(),
            *Key::from_hex("00112233445566778899aabbccddeeff"));
  EXPECT_EQ(c.auth.secrets.size(), 2u);
  EXPECT_EQ(c.limits.allocations, 5000u);
  EXPECT_EQ(c.limits.max_lifetime, 30min);
  EXPECT_EQ(c.log.level, LogLevel::debug);
  EXPECT_EQ(c.log.format, LogFormat::json);
  EXPECT_EQ(c.log.privacy, LogPrivacy::truncated);
}

TEST(ConfigYaml, AnEmptyFileChangesNothing) {
  for (const char* text :
       {"", "# only a comment\n", "---\n", "server:\n", "realms: {}\ntls: {}\n"}) {
    EXPECT_EQ(problem_of(read_yaml(text)), "") << text;
  }
}

struct Mistake {
  const char* yaml;
  const char* problem;
};
class ConfigYamlMistake : public testing::TestWithParam<Mistake> {};

TEST_P(ConfigYamlMistake, IsToldWithFileLineAndKey) {
  EXPECT_EQ(problem_of(read_yaml(GetParam().yaml)), GetParam().problem);
}

INSTANTIATE_TEST_SUITE_P(
    Keys, ConfigYamlMistake,
    testing::Values(
        Mistake{"server:\n  raelm: x\n",
                "uturn.yaml:2: server.raelm: unknown key; did you mean server.realm?"},
        Mistake{"realm: x\n", "uturn.yaml:1: realm: unknown key; did you mean realms?"},
        Mistake{"workers: 2\n", "uturn.yaml:1: workers: unknown key; did you mean server.workers?"},
        Mistake{"sever: {realm: x}\n", "uturn.yaml:1: sever: unknown key; did you mean server?"},
        Mistake{"limits:\n  alocations_per_user: 3\n",
                "uturn.yaml:2: limits.alocations_per_user: unknown key; did you mean "
                "limits.allocations_per_user?"},
        Mistake{"\n\nqwertz: 1\n", "uturn.yaml:3: qwertz: unknown key"},
        Mistake{"log:\n  level: info\n  format: text\n  level: warn\n",
                "uturn.yaml:4: log.level: given twice, first on line 2"},
        Mistake{"log: {}\nserver: {}\nlog: {}\n",
                "uturn.yaml:3: log: given twice, first on line 1"}));

INSTANTIATE_TEST_SUITE_P(
    Values, ConfigYamlMistake,
    testing::Values(
        Mistake{"server: 5\n", "uturn.yaml:1: server: expected a map of its keys, found '5'"},
        Mistake{"server: {workers: many}\n",
                "uturn.yaml:1: server.workers: expected auto or a number from 1 to 64; found "
                "'many'"},
        Mistake{"server: {workers: [1]}\n",
                "uturn.yaml:1: server.workers: expected one value, found a list"},
        Mistake{"server: {realm: ~}\n",
                "uturn.yaml:1: server.realm: expected one value, found nothing"},
        Mistake{"server: {realm: \"\"}\n",
                "uturn.yaml:1: server.realm: expected a realm of 1 to 763 bytes without control "
                "characters; found ''"},
        Mistake{"server: {io: kqueue}\n",
                "uturn.yaml:1: server.io: expected auto, uring or epoll; found 'kqueue'"},
        Mistake{"server: {state_dir: var}\n",
                "uturn.yaml:1: server.state_dir: expected an absolute path; found 'var'"},
        Mistake{"server: {run_as: \"a:b:c\"}\n",
                "uturn.yaml:1: server.run_as: expected USER or USER:GROUP; found 'a:b:c'"},
        Mistake{"server: {socket_buffer: {relay: 1KiB}}\n",
                "uturn.yaml:1: server.socket_buffer.relay: expected a size from 16KiB to 1GiB, "
                "written like 256KiB or 4MiB; found '1KiB'"},
        Mistake{"server: {freebind: maybe}\n",
                "uturn.yaml:1: server.freebind: expected true or false; found 'maybe'"},
        Mistake{"server: {software: \"a\\u0007b\"}\n",
                "uturn.yaml:1: server.software: expected at most 127 bytes without control "
                "characters, or nothing; found 'a?b'"},
        Mistake{"server: {batch_wait: 1s}\n",
                "uturn.yaml:1: server.batch_wait: expected a duration from 0 to 10ms, written like "
                "200us, 30s, 10m or 1h; found '1s'"},
        Mistake{"server: {busy_poll: 1001us}\n",
                "uturn.yaml:1: server.busy_poll: expected a duration from 0 to 1ms, written like "
                "200us, 30s, 10m or 1h; found '1001us'"},
        Mistake{"listeners: udp://0.0.0.0:3478\n",
                "uturn.yaml:1: listeners: expected a list, like [a, b]"},
        Mistake{"listeners: [3478]\n",
                "uturn.yaml:1: listeners[1]: expected a listener like udp://192.0.2.1:3478 or "
                "udp://[2001:db8::1]:3478; found '3478'"},
        Mistake{"listeners: [\"udp://192.0.2.1:1\", \"udp://192.0.2.1:1\"]\n",
                "uturn.yaml:1: listeners[2]: given twice"},
        Mistake{"relay: {addresses: [auto, 192.0.2.1]}\n",
                "uturn.yaml:1: relay.addresses: auto stands alone"},
        Mistake{"relay: {addresses: [0.0.0.0]}\n",
                "uturn.yaml:1: relay.addresses[1]: expected an address that peers can answer to; "
                "found '0.0.0.0'"},
        Mistake{"relay: {addresses: [eth0]}\n",
                "uturn.yaml:1: relay.addresses[1]: expected auto or an IP address; found 'eth0'"},
        Mistake{"relay: {addresses: [192.0.2.1, 192.0.2.1]}\n",
                "uturn.yaml:1: relay.addresses[2]: given twice"},
        Mistake{"relay: {external: [turn.example.org]}\n",
                "uturn.yaml:1: relay.external[1]: expected PUBLIC or PUBLIC/PRIVATE, IP addresses "
                "of one family; found 'turn.example.org'"},
        Mistake{"relay: {external: [192.0.2.1/fe80::1]}\n",
                "uturn.yaml:1: relay.external[1]: expected PUBLIC or PUBLIC/PRIVATE, IP addresses "
                "of one family; found '192.0.2.1/fe80::1'"},
        Mistake{"relay: {external: [192.0.2.1, 192.0.2.2]}\n",
                "uturn.yaml:1: relay.external[2]: several addresses of one family must all be "
                "written PUBLIC/PRIVATE"},
        Mistake{"relay: {external: [192.0.2.1/10.0.0.1, 192.0.2.2/10.0.0.1]}\n",
                "uturn.yaml:1: relay.external[2]: its private address is given twice"},
        Mistake{"relay: {ports: 65535-49152}\n",
                "uturn.yaml:1: relay.ports: expected ports MIN-MAX, 1 to 65535, like 49152-65535; "
                "found '65535-49152'"},
        Mistake{"relay: {channels: all}\n",
                "uturn.yaml:1: relay.channels: expected rfc8656 or rfc5766; found 'all'"},
        Mistake{"relay: {shortcut: maybe}\n",
                "uturn.yaml:1: relay.shortcut: expected true or false; found 'maybe'"},
        Mistake{"relay: {default_family: v6}\n",
                "uturn.yaml:1: relay.default_family: expected ipv4, ipv6 or keep; found 'v6'"},
        Mistake{"peers: {deny: [10.0.0.1/8]}\n",
                "uturn.yaml:1: peers.deny[1]: expected an address, a prefix without host bits or a "
                "range, like 192.0.2.1, 10.0.0.0/8 or 10.0.0.1-10.0.0.9; found '10.0.0.1/8'"},
        Mistake{"limits: {allocations: 0}\n",
                "uturn.yaml:1: limits.allocations: expected a number from 1 to 1000000; found '0'"},
        Mistake{"limits: {max_lifetime: 5m}\n",
                "uturn.yaml:1: limits.max_lifetime: expected a duration from 10m to 1d, written "
                "like 200us, 30s, 10m or 1h; found '5m'"},
        Mistake{"limits: {max_lifetime: 601s1ms}\n",
                "uturn.yaml:1: limits.max_lifetime: expected whole seconds; found '601s1ms'"},
        Mistake{"limits: {connections: 0}\n",
                "uturn.yaml:1: limits.connections: expected a number from 1 to 1000000; found '0'"},
        Mistake{"limits: {handshake_timeout: 0}\n",
                "uturn.yaml:1: limits.handshake_timeout: expected a duration from 1s to 5m, "
                "written like 200us, 30s, 10m or 1h; found '0'"},
        Mistake{"limits: {stream_queue: 64KiB}\n",
                "uturn.yaml:1: limits.stream_queue: expected a size from 128KiB to 16MiB, written "
                "like 256KiB or 4MiB; found '64KiB'"},
        Mistake{"limits: {tcp_connections_per_allocation: 0}\n",
                "uturn.yaml:1: limits.tcp_connections_per_allocation: expected a number from 1 to "
                "65536; found '0'"},
        Mistake{"tls: {certificate: cert.pem}\n",
                "uturn.yaml:1: tls.certificate: expected an absolute path, or \"\" for none; found "
                "'cert.pem'"},
        Mistake{"tls: {minimum_version: 1.1}\n",
                "uturn.yaml:1: tls.minimum_version: expected 1.2 or 1.3; found '1.1'"},
        Mistake{"tls: {certificates: {certificate: /a}}\n",
                "uturn.yaml:1: tls.certificates: expected a list, like [{certificate: /a.pem, key: "
                "/a.key}]"},
        Mistake{"tls:\n  certificates:\n    - {certificate: /a}\n",
                "uturn.yaml:3: tls.certificates[1]: expected {certificate: FILE, key: FILE}"},
        Mistake{"tls: {certificates: [/a]}\n",
                "uturn.yaml:1: tls.certificates[1]: expected {certificate: FILE, key: FILE}"},
        Mistake{"tls: {certificates: [{cert: /a, key: /b}]}\n",
                "uturn.yaml:1: tls.certificates[1].cert: unknown key; each has certificate and "
                "key"},
        Mistake{"tls: {certificates: [{certificate: a, key: /b}]}\n",
                "uturn.yaml:1: tls.certificates[1].certificate: expected an absolute path"},
        Mistake{"proxy: {from: [haproxy]}\n",
                "uturn.yaml:1: proxy.from[1]: expected an address, a prefix without host bits or a "
                "range, like 192.0.2.1, 10.0.0.0/8 or 10.0.0.1-10.0.0.9; found 'haproxy'"},
        Mistake{"log: {level: loud}\n",
                "uturn.yaml:1: log.level: expected trace, debug, info, warn, error or off; found "
                "'loud'"},
        Mistake{"log: {file: uturn.log}\n",
                "uturn.yaml:1: log.file: expected stderr, stdout, journald, syslog or an absolute "
                "path; found "
                "'uturn.log'"}));

INSTANTIATE_TEST_SUITE_P(
    Realms, ConfigYamlMistake,
    testing::Values(
        Mistake{"realms: [a]\n",
                "uturn.yaml:1: realms: expected a map, like {example.com: {secrets: [\"...\"]}}"},
        Mistake{"realms: {a.example: 5}\n",
                "uturn.yaml:1: realms.a.example: expected a map of its keys"},
        Mistake{"realms:\n  a.example:\n    user: {}\n",
                "uturn.yaml:3: realms.a.example.user: unknown key; did you mean users?"},
        Mistake{"realms:\n  a.example:\n    database: x\n",
                "uturn.yaml:3: realms.a.example.database: unknown key; a realm has users, secrets, "
                "oauth, origins, limits and peers"},
        Mistake{"realms: {a.example: {users: {zoe: {}}}}\n",
                "uturn.yaml:1: realms.a.example.users.zoe: expected {password: \"...\"} or {key: "
                "0x...}"},
        Mistake{"realms: {a.example: {secrets: [\"\"]}}\n",
                "uturn.yaml:1: realms.a.example.secrets[1]: expected a secret, not an empty text"},
        Mistake{"realms: {a.example: {limits: {allocations: many}}}\n",
                "uturn.yaml:1: realms.a.example.limits.allocations: expected a number from 0 to "
                "4294967295"},
        Mistake{"realms: {a.example: {oauth: {key: []}}}\n",
                "uturn.yaml:1: realms.a.example.oauth.key: unknown key; did you mean keys?"},
        Mistake{"realms: {a.example: {oauth: {keys: [{kid: a, key: short}]}}}\n",
                "uturn.yaml:1: realms.a.example.oauth.keys[1].key: expected a key of 32 bytes, in "
                "base64 or "
                "as 0x and hex"},
        Mistake{"realms: {a.example: {peers: {alow: []}}}\n",
                "uturn.yaml:1: realms.a.example.peers.alow: unknown key; did you mean allow?"},
        Mistake{"realms: {a.example: {origins: [a.example]}}\n",
                "uturn.yaml:1: realms.a.example.origins[1]: expected an origin of at most 255 "
                "bytes, like https://meet.example.org"},
        Mistake{"listeners: [{uri: \"udp://127.0.0.1:0\", relm: x}]\n",
                "uturn.yaml:1: listeners[1].relm: unknown key; a listener has uri and realm"},
        Mistake{"listeners: [{realm: x}]\n",
                "uturn.yaml:1: listeners[1]: expected a URI, or {uri: udp://ADDRESS:PORT, realm: "
                "NAME}"}));

INSTANTIATE_TEST_SUITE_P(
    NotInThisVersion, ConfigYamlMistake,
    testing::Values(
        Mistake{"metrics: {listen: \"127.0.0.1\"}\n",
                "uturn.yaml:1: metrics.listen: expected IP:PORT or none; found '127.0.0.1'"},
        Mistake{"log: {levels: [auth]}\n",
                "uturn.yaml:1: log.levels[1]: expected COMPONENT=LEVEL, like sessions=off; found "
                "'auth'"}));

INSTANTIATE_TEST_SUITE_P(
    Documents, ConfigYamlMistake,
    testing::Values(
        Mistake{"- a\n- b\n", "uturn.yaml:1: expected a map of sections, found a list"},
        Mistake{"server: {realm: a\nlog: {}\n",
                "uturn.yaml:2: not YAML: end of map flow not found"},
        Mistake{"server: {realm: &a x}\n",
                "uturn.yaml:1: anchors (&name) are not used in a configuration"},
        Mistake{"server: {realm: !secret x}\n",
                "uturn.yaml:1: tags (!name) are not used in a configuration"},
        Mistake{"a: [[[[[[[[1]]]]]]]]\n", "uturn.yaml:1: nested deeper than 8 levels"},
        Mistake{"{a: 1}: 2\n", "uturn.yaml:1: a key must be a text, or a bracket is not closed"},
        Mistake{"log: {}\n---\nlog: {}\n", "uturn.yaml: holds more than one YAML document"}));

TEST(ConfigYaml, AnAliasIsRefusedBeforeItCanMultiply) {
  // The anchor alone is refused first; an alias to nothing is not YAML.
  EXPECT_THAT(problem_of(read_yaml("a: *b\n")), HasSubstr("uturn.yaml:1: "));
}

TEST(ConfigYaml, EveryProblemIsToldAtOnce) {
  EXPECT_THAT(read_yaml("log: {level: loud}\nserver: {workers: 0}\n").problems.size(), 2u);
}

TEST(ConfigYaml, AFileAboveTheLimitIsRefused) {
  EXPECT_EQ(problem_of(read_yaml(std::string(kMaxYamlBytes + 1, '#'))),
            "uturn.yaml: longer than 1 MiB");
}

TEST(ConfigYaml, SecretsStayOutOfEverySentence) {
  const char* texts[] = {
      "auth: {secrets: [\"\", {tell: swordfish}]}\n",
      "auth: {secrets: swordfish}\n",
      "auth: {users: {alice: swordfish}}\n",
      "auth: {users: {alice: {key: swordfish}}}\n",
      "auth: {users: {alice: {password: [swordfish]}}}\n",
      "auth: {users: {alice: {password: \"swordfish${\"}}}\n",
      "auth: {users: [swordfish]}\n",
      "auth: {database: \"mysql://u:swordfish@db\"}\n",
      "tls: {key: \"-----BEGIN PRIVATE KEY-----swordfish\"}\n",
      "tls: {certificates: [{certificate: /a, key: \"-----BEGIN PRIVATE KEY-----swordfish\"}]}\n",
  };
  for (const char* text : texts) {
    const ReadConfig read = read_yaml(text);
    EXPECT_FALSE(read.problems.empty()) << text;
    EXPECT_THAT(problem_of(read), Not(HasSubstr("swordfish"))) << text;
  }
}

TEST(ConfigYaml, UsersHaveAPasswordOrKeys) {
  EXPECT_EQ(problem_of(read_yaml("auth: {users: {a: {}}}\n")),
            "uturn.yaml:1: auth.users.a: expected {password: \"...\"} or {key: 0x...}");
  EXPECT_EQ(
      problem_of(read_yaml("auth: {users: {a: {pasword: x}}}\n")),
      "uturn.yaml:1: auth.users.a.pasword: unknown key; a user has password or key, and class");
  EXPECT_EQ(problem_of(read_yaml("auth: {users: {a: {key: 0x12}}}\n")),
            "uturn.yaml:1: auth.users.a.key: expected 32 hex digits (MD5) or 64 (SHA-256)");
  const std::string md5(32, 'a');
  EXPECT_EQ(problem_of(read_yaml("auth: {users: {a: {key: [" + md5 + ", " + md5 + "]}}}\n")),
            "uturn.yaml:1: auth.users.a.key: two keys of one password algorithm");
  EXPECT_EQ(
      problem_of(read_yaml("auth: {users: {\"\": {password: x}}}\n")),
      "uturn.yaml:1: auth.users: expected names of 1 to 508 bytes without control characters");

  const ReadConfig both =
      read_yaml("auth: {users: {a: {key: [" + md5 + ", " + std::string(64, 'b') + "]}}}");
  EXPECT_EQ(both.config.auth.users.at("a").keys.size(), 2u);
}

TEST(ConfigYaml, CertificatesAreReadInTheirOrder) {
  const ReadConfig read = read_yaml(R"(
tls:
  certificate: /etc/uturn/tls/a.pem
  key: /etc/uturn/tls/a.key
  certificates:
    - {certificate: /etc/uturn/tls/b.pem, key: /etc/uturn/tls/b.key}
    - {certificate: /etc/uturn/tls/c.pem, key: /etc/uturn/tls/c.key}
)");
  EXPECT_THAT(read.problems, IsEmpty());
  EXPECT_THAT(read.config.tls.all(),
              ElementsAre(CertificateFiles{"/etc/uturn/tls/a.pem", "/etc/uturn/tls/a.key"},
                          CertificateFiles{"/etc/uturn/tls/b.pem", "/etc/uturn/tls/b.key"},
                          CertificateFiles{"/etc/uturn/tls/c.pem", "/etc/uturn/tls/c.key"}));
  EXPECT_THAT(Config{}.tls.all(), IsEmpty());
}

TEST(ConfigYaml, AtMostSixtyFourCertificates) {
  std::string list = "{certificate: /a, key: /b}";
  for (int i = 0; i < 64; ++i) list += ", {certificate: /a, key: /b}";
  EXPECT_EQ(problem_of(read_yaml("tls: {certificates: [" + list + "]}\n")),
            "uturn.yaml:1: tls.certificates: more than 64 certificates");
}

TEST(ConfigYaml, AtMostSixteenSecrets) {
  std::string list = "s";
  for (int i = 0; i < 16; ++i) list += ", s";
  EXPECT_EQ(problem_of(read_yaml("auth: {secrets: [" + list + "]}\n")),
            "uturn.yaml:1: auth.secrets[17]: more than 16 secrets");
}

TEST(ConfigYaml, ValuesComeFromTheEnvironmentAndFromFiles) {
  ConfigReading reading;
  reading.environment["POD_IP"] = "192.0.2.9";
  reading.files["/run/secrets/turn"] = "swordfish\n";
  const ReadConfig read = reading.yaml(
      "listeners: [\"udp://${POD_IP}:3478\"]\n"
      "auth: {secrets: [\"file:/run/secrets/turn\", \"a$${b}\"]}\n");
  EXPECT_THAT(read.problems, IsEmpty());
  EXPECT_EQ(read.config.listeners[0].to_string(), "udp://192.0.2.9:3478");
  EXPECT_EQ(read.config.auth.secrets[0].reveal(), "swordfish");
  EXPECT_EQ(read.config.auth.secrets[1].reveal(), "a${b}");
}

TEST(ConfigYaml, AMissingSourceIsNamed) {
  EXPECT_EQ(problem_of(read_yaml("server: {realm: \"${NOWHERE}\"}\n")),
            "uturn.yaml:1: server.realm: the environment variable NOWHERE is not set");
  EXPECT_EQ(problem_of(read_yaml("server: {realm: \"${NOWHERE\"}\n")),
            "uturn.yaml:1: server.realm: '${' without '}'");
  EXPECT_EQ(problem_of(read_yaml("server: {realm: \"${NO WHERE}\"}\n")),
            "uturn.yaml:1: server.realm: '${...}' must hold the name of an environment variable");
  EXPECT_EQ(problem_of(read_yaml("server: {realm: file:/nowhere}\n")),
            "uturn.yaml:1: server.realm: /nowhere cannot be read: no such file");
}

TEST(ConfigYaml, WhatAVariableHeldIsNotShown) {
  ConfigReading reading;
  reading.environment["TOKEN"] = "swordfish";
  EXPECT_EQ(problem_of(reading.yaml("server: {workers: \"${TOKEN}\"}\n")),
            "uturn.yaml:1: server.workers: expected auto or a number from 1 to 64; found "
            "'${TOKEN}'");
}

TEST(ConfigYaml, AFlagIsNamedInsteadOfTheFile) {
  const ConfigReading reading;
  EXPECT_EQ(problem_of(reading.flag("relay.ports", "5", "--relay-ports")),
            "--relay-ports: expected ports MIN-MAX, 1 to 65535, like 49152-65535; found '5'");
  EXPECT_EQ(problem_of(reading.flag("limits.alocations", "5", "--set")),
            "--set: limits.alocations: unknown key; did you mean limits.allocations?");
}

TEST(ConfigYaml, ControlCharactersDoNotReachTheTerminal) {
  EXPECT_EQ(problem_of(read_yaml("\"a\\x1b[2J\": 1\n")), "uturn.yaml:1: a?[2J: unknown key");
}

TEST(ConfigYaml, ACoturnFileIsRecognisedByItsContent) {
  EXPECT_TRUE(looks_like_coturn("# Coturn\n\nlistening-port=3478\nfingerprint\n"));
  EXPECT_TRUE(looks_like_coturn("  use-auth-secret\n"));
  EXPECT_TRUE(looks_like_coturn("realm example.org\r\n"));
  EXPECT_FALSE(looks_like_coturn("realm: example.org\n"));
  EXPECT_FALSE(looks_like_coturn("server: {realm: x}\n"));
  EXPECT_FALSE(looks_like_coturn(""));
}

}  // namespace
}  // namespace uturn
