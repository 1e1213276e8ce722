// What a reload finds different, and what of it waits for the next start.
#include "server/reload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/value_sources.h"
#include "tests/server/temporary_directory.h"

namespace uturn {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Config served_with(const std::vector<std::string>& arguments) {
  Config running;
  running.start.arguments = arguments;
  ReadAgain read = read_again(running, process_value_sources());
  EXPECT_TRUE(read.problems.empty()) << read.problems.front().to_string();
  read.config.start.arguments = arguments;
  return read.config;
}

std::vector<std::string> keys_of(const std::vector<ConfigChange>& changes) {
  std::vector<std::string> keys;
  for (const ConfigChange& change : changes) keys.push_back(change.key);
  return keys;
}

TEST(Reload, TheSameFileChangesNothing) {
  const TemporaryDirectory directory;
  const std::string file = directory.write("a.yaml", "auth: {users: {alice: {password: x}}}\n");
  const Config running = served_with({"-c", file, "--realm", "here"});
  EXPECT_EQ(running.server.realm, "here");
  const ReadAgain again = read_again(running, process_value_sources());
  EXPECT_THAT(find_changes(running, again.config), IsEmpty());
}

TEST(Reload, NamesWhatDiffersAndNoSecret) {
  const TemporaryDirectory directory;
  const std::string file = directory.write(
      "a.yaml",
      "auth: {users: {alice: {password: x}, bob: {password: y}, carol: {password: z}}, secrets: "
      "[s1]}\n");
  const Config running = served_with({"-c", file});
  directory.write("a.yaml",
                  "auth: {users: {alice: {password: x}, bob: {password: other}, dave: {password: "
                  "z}}, secrets: [s2]}\nlimits: {allocations_per_user: 5}\n");
  const ReadAgain again = read_again(running, process_value_sources());
  const auto changes = find_changes(running, again.config);
  EXPECT_THAT(keys_of(changes), ElementsAre("auth.users.bob", "auth.users.carol", "auth.users.dave",
                                            "auth.secrets", "limits.allocations_per_user"));
  for (const ConfigChange& change : changes) {
    EXPECT_FALSE(change.needs_restart) << change.key;
    EXPECT_THAT(change.from + change.to, testing::Not(HasSubstr("other")));
    EXPECT_THAT(change.from + change.to, testing::Not(HasSubstr("s2")));
  }
  EXPECT_EQ(changes.back().from, "0");
  EXPECT_EQ(changes.back().to, "5");
}

TEST(Reload, TellsOfOauthKeys) {
  const TemporaryDirectory directory;
  const auto with_key = [&](const std::string& kid) {
    return directory.write("a.yaml",
                           "auth: {oauth: {keys: [{kid: " + kid +
                               ", key: \"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\"}]}}\n");
  };
  const Config running = served_with({"-c", with_key("north")});
  with_key("south");
  const auto changes = find_changes(running, read_again(running, process_value_sources()).config);
  EXPECT_THAT(keys_of(changes), ElementsAre("auth.oauth.keys"));
}

TEST(Reload, WhatIsFixedWaitsForTheNextStart) {
  const TemporaryDirectory directory;
  const std::string users = "auth: {users: {alice: {password: x}}}\n";
  const std::string file = directory.write("a.yaml", users);
  const Config running = served_with({"-c", file});
  directory.write("a.yaml", users +
                                "server: {workers: 7, realm: other}\n"
                                "listeners: [\"udp://127.0.0.1:5000\"]\n");
  const ReadAgain again = read_again(running, process_value_sources());
  const auto changes = find_changes(running, again.config);
  EXPECT_THAT(keys_of(changes), ElementsAre("server.realm", "server.workers", "listeners"));
  EXPECT_FALSE(changes[0].needs_restart);
  EXPECT_TRUE(changes[1].needs_restart);
  EXPECT_TRUE(changes[2].needs_restart);
  const Config next = with_fixed_parts(running, again.config);
  EXPECT_EQ(next.server.realm, "other");
  EXPECT_EQ(next.server.workers, running.server.workers);
  EXPECT_EQ(next.listeners, running.listeners);
  EXPECT_THAT(keys_of(find_changes(running, next)), ElementsAre("server.realm"));
}

TEST(Reload, ABrokenFileIsRefusedWithItsPlace) {
  const TemporaryDirectory directory;
  const std::string file = directory.write("a.yaml", "auth: {users: {alice: {password: x}}}\n");
  const Config running = served_with({"-c", file});
  directory.write("a.yaml", "auth: {users: {alice: {password: x}}}\nnonsense: 1\n");
  const ReadAgain again = read_again(running, process_value_sources());
  ASSERT_EQ(again.problems.size(), 1u);
  EXPECT_THAT(again.problems.front().to_string(), HasSubstr("a.yaml:2"));
}

TEST(Reload, WhoseUsersAreGoneIsRefused) {
  const TemporaryDirectory directory;
  const std::string file = directory.write("a.yaml", "auth: {users: {alice: {password: x}}}\n");
  const Config running = served_with({"-c", file});
  directory.write("a.yaml", "auth: {users: {}}\n");
  EXPECT_FALSE(read_again(running, process_value_sources()).problems.empty());
}

TEST(Reload, WhatQuickStartMadeUpGoesOn) {
  Config running;
  running.auth.users["uturn"].password = Secret("made up");
  running.start.credential_generated = true;
  running.start.detected_external = IpAddress::parse("203.0.113.7");
  running.relay.external.push_back({*running.start.detected_external, std::nullopt});
  const ReadAgain again = read_again(running, process_value_sources());
  EXPECT_TRUE(again.problems.empty());
  EXPECT_THAT(find_changes(running, again.config), IsEmpty());
}

TEST(Reload, RealmsChangeLiveAndByName) {
  const TemporaryDirectory directory;
  const std::string file =
      directory.write("a.yaml", "realms: {a: {users: {zoe: {password: x}}}, b: {secrets: [s]}}\n");
  const Config running = served_with({"-c", file});
  directory.write("a.yaml",
                  "realms: {b: {secrets: [other]}, c: {peers: {deny: [192.0.2.1]}},\n"
                  "         d: {users: {zoe: {password: x}}}}\n");
  const ReadAgain again = read_again(running, process_value_sources());
  const auto changes = find_changes(running, again.config);
  EXPECT_THAT(keys_of(changes), ElementsAre("realms.a", "realms.b", "realms.c", "realms.d"));
  for (const ConfigChange& change : changes) EXPECT_FALSE(change.needs_restart) << change.key;
}

}  // namespace
}  // namespace uturn
