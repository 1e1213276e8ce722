// etc/uturn.yaml: documents every key, and says what the built-in defaults are.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "server/config_checks.h"
#include "server/config_keys.h"
#include "server/config_print.h"
#include "server/yaml_document.h"
#include "tests/server/config_reading.h"
#include "tests/source_dir.h"

namespace uturn {
namespace {

std::string reference() {
  const auto text = read_small_file(source_dir() + "/etc/uturn.yaml", kMaxYamlBytes);
  CHECK(text.has_value());
  return *text;
}

void collect_paths(const std::string& prefix, const Setting& node,
                   std::vector<std::string>& paths) {
  for (const auto& [name, value] : node.entries) {
    const std::string path = prefix.empty() ? name : prefix + "." + name;
    if (find_config_key(path) != nullptr) paths.push_back(path);
    collect_paths(path, value, paths);
  }
}

TEST(ConfigReference, EveryKeyIsDocumentedInTheOrderOfTheTable) {
  const auto tree = parse_yaml(reference());
  ASSERT_TRUE(tree);
  std::vector<std::string> documented;
  collect_paths("", *tree, documented);
  std::vector<std::string> known;
  for (const ConfigKey& key : config_keys()) known.emplace_back(key.path);
  EXPECT_EQ(documented, known);
}

TEST(ConfigReference, ItsValuesAreTheBuiltInDefaults) {
  const ReadConfig read = read_yaml(reference());
  EXPECT_EQ(problem_of(read), "");
  EXPECT_EQ(print_config(read.config), print_config(Config{}));
  for (const ConfigKey& key : config_keys()) {
    EXPECT_EQ(std::ranges::count(read.used, key.path), 1) << key.path << " is not set by the file";
  }
}

TEST(ConfigReference, AsItStandsItOnlyLacksSomebodyWhoMayLogIn) {
  const ConfigProblems lacking = find_contradictions(read_yaml(reference()).config);
  ASSERT_EQ(lacking.size(), 1u);
  EXPECT_EQ(lacking[0].key, "auth");

  std::string text = reference();
  const std::string none = "users: {}";
  ASSERT_NE(text.find(none), text.npos);
  text.replace(text.find(none), none.size(), "users: {alice: {password: secret}}");
  const ReadConfig read = read_yaml(text);
  EXPECT_EQ(problem_of(read), "");
  EXPECT_TRUE(find_contradictions(read.config).empty());
}

// Each key with a value that is not its default: whoever adds a key adds a line here.
constexpr const char* kOtherValues = R"(
server:
  realm: example.org
  workers: 3
  io: epoll
  state_dir: /tmp/state
  run_as: nobody:nogroup
  socket_buffer: {listeners: 1MiB, relay: 64KiB}
  freebind: true
  software: relay
  alternates: ["192.0.2.5:3478"]
  alternate_domain: turn2.example.org
  drain_timeout: 5m
  batch_wait: 50us
  busy_poll: 20us
listeners: ["udp://127.0.0.1:0", {uri: "tcp://127.0.0.1:0", realm: a.example}]
relay:
  addresses: [192.0.2.1, "2001:db8::1"]
  external: [198.51.100.1/192.0.2.1]
  ports: 50000-50999
  channels: rfc5766
  default_family: keep
  shortcut: false
peers: {allow: [10.0.0.0/8], deny: [203.0.113.7]}
auth:
  required: false
  users: {alice: {password: secret}}
  secrets: [secret]
  rest_separator: "|"
  rest_hash: any
  rest_grace: 29s
  nonce_lifetime: 10m
  feature_bit_order: rfc8489
  username_anonymity: true
  database: sqlite:///tmp/users.db
  directory:
    cache_ttl: 31s
    negative_ttl: 32s
    stale_ttl: 33s
    cache_size: 34
    queue: 35
    answer_within: 6s
    connections: 7
    timeout: 8s
    poll: 36s
  webhook: {url: "https://a.example/x", secret: hush, ca: /tmp/c.pem, on_failure: open}
  oauth:
    server_name: turn.example.org
    keys: [{kid: north, key: "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=", expires: 2027-07-01}]
  end_at_expiry: true
realms:
  a.example:
    users: {zoe: {password: secret}}
    secrets: [secret, {secret: other, class: guest}]
    oauth:
      server_name: turn.a.example
      keys: [{kid: a, key: "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=", class: guest}]
    origins: ["https://a.example"]
    limits: {allocations: 41, allocations_per_user: 42, bandwidth: 43Mbit/s,
             bandwidth_per_user: 44Mbit/s, bandwidth_per_allocation: 45kbit/s}
    peers: {allow: [10.1.0.0/16], deny: [203.0.113.8]}
limits:
  allocations: 11
  allocations_per_user: 12
  allocations_per_client_ip: 13
  idle_gives_way: false
  bandwidth: 1Gbit/s
  bandwidth_per_user: 20Mbit/s
  bandwidth_per_allocation: 1500kbit/s
  classes: {guest: {allocations: 2, bandwidth: 8kbit/s, bytes: 100MiB, time: 10m, every: 2h}}
  permissions_per_allocation: 14
  channels_per_allocation: 15
  pending_requests: 16
  reservations: 17
  answers_per_second: 18
  answers_burst: 19
  answer_sources: 20
  max_lifetime: 20m
  connections: 21
  connections_per_source: 22
  handshakes: 23
  handshake_timeout: 24s
  first_message_timeout: 25s
  idle_timeout: 26s
  stream_queue: 129KiB
  stream_queue_age: 27ms
  tcp_connections_per_allocation: 28
tls:
  certificate: /tmp/a.pem
  key: /tmp/a.key
  certificates: [{certificate: /tmp/b.pem, key: /tmp/b.key}]
  plain: false
  minimum_version: 1.3
  tickets: false
proxy: {from: [192.0.2.0/24, "2001:db8::1"]}
credentials:
  listen: 127.0.0.1:8443
  certificate: /tmp/c.pem
  key: /tmp/c.key
  socket: /tmp/c.sock
  ttl: 5m
  max_ttl: 10m
  requests_per_second: 29
  burst: 30
  origins: ["https://meet.example.org"]
  keys: {web: {sha256: "0101010101010101010101010101010101010101010101010101010101010101"}}
admin:
  {socket: /tmp/admin.sock, listen: 127.0.0.1:9642, token: correct horse battery,
   certificate: /tmp/d.pem, key: /tmp/d.key}
metrics: {listen: none, coturn_names: true, top_users: 3}
log: {level: off, levels: [auth=debug, tls=off], format: json, privacy: none,
      failed_logins: true, file: /tmp/uturn.log}
)";

TEST(ConfigReference, EachKeySetsItsOwnMemberAndIsPrintedBack) {
  const ReadConfig other = read_yaml(kOtherValues);
  ASSERT_EQ(problem_of(other), "");
  const Config defaults;
  for (const ConfigKey& key : config_keys()) {
    if (key.shape != ConfigKey::Shape::text && key.shape != ConfigKey::Shape::list) continue;
    EXPECT_NE(key.print(other.config), key.print(defaults)) << key.path;
  }
  const std::string printed = print_config(other.config);
  for (const int number : {11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 28, 34, 35, 7}) {
    EXPECT_THAT(printed, ::testing::HasSubstr(": " + std::to_string(number) + "\n"));
  }
  for (const char* text :
       {": 31s\n",
        ": 32s\n",
        ": 33s\n",
        ": 6s\n",
        ": 8s\n",
        ": 36s\n",
        ": 24s\n",
        ": 25s\n",
        ": 26s\n",
        ": 27ms\n",
        ": 129KiB\n",
        "certificate: /tmp/a.pem\n",
        "key: /tmp/a.key\n",
        "[\"udp://127.0.0.1:0\", {uri: \"tcp://127.0.0.1:0\", realm: a.example}]\n",
        "{allocations: 41, allocations_per_user: 42, bandwidth: 43Mbit/s, bandwidth_per_user: "
        "44Mbit/s, bandwidth_per_allocation: 45kbit/s}\n",
        "origins: [\"https://a.example:443\"]\n",
        "peers: {allow: [10.1.0.0/16], deny: [203.0.113.8]}\n",
        "server_name: turn.a.example\n      keys:\n        - {kid: a, key: \"********\", "
        "algorithm: "
        "A256GCM, class: guest}\n",
        "ca: /tmp/c.pem\n",
        "on_failure: open\n",
        "- {certificate: /tmp/b.pem, key: /tmp/b.key}\n"}) {
    EXPECT_THAT(printed, ::testing::HasSubstr(text));
  }
}

TEST(ConfigReference, WhatIsPrintedCanBeReadAndIsTheSame) {
  Config config = read_yaml(kOtherValues).config;
  config.auth = {};  // masked secrets do not come back
  config.admin.token = {};
  config.credentials.keys.clear();
  for (auto& [name, realm] : config.realms) {
    realm.users.clear();
    realm.secrets.clear();
    realm.oauth.keys.clear();
  }
  const ReadConfig again = read_yaml(print_config(config));
  EXPECT_EQ(problem_of(again), "");
  EXPECT_EQ(print_config(again.config), print_config(config));
}

TEST(ConfigReference, SecretsArePrintedMasked) {
  const std::string printed =
      print_config(read_yaml("auth: {users: {alice: {password: swordfish}}, secrets: [swordfish],\n"
                             "       database: \"mysql://u:swordfish@db/turn\"}\n")
                       .config);
  EXPECT_THAT(printed, Not(::testing::HasSubstr("swordfish")));
  EXPECT_THAT(printed, ::testing::HasSubstr("mysql://u:********@db/turn"));
  EXPECT_THAT(printed, ::testing::HasSubstr("alice: {password: \"********\"}"));
}

}  // namespace
}  // namespace uturn
