// Nonce keys that survive a restart, and files written by rename.
#include "server/state_dir.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "server/ready_file.h"
#include "tests/server/temporary_directory.h"

namespace uturn {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

unsigned mode_of(const std::string& path) {
  struct stat status{};
  CHECK(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 07777;
}

TEST(StateDir, KeysAreMadeOnceAndReadAfterwards) {
  const TemporaryDirectory directory;
  const std::string state = directory.path("state");
  CsprngRandom random;
  const auto first = load_nonce_keys(state, random);
  ASSERT_TRUE(first) << first.error();
  EXPECT_TRUE(first->survive_restart);
  EXPECT_EQ(mode_of(state), 0700u);
  EXPECT_EQ(mode_of(state + "/nonce.keys"), 0600u);

  const auto second = load_nonce_keys(state, random);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->keys.front().secret, first->keys.front().secret);
  EXPECT_THAT(second->said, StartsWith("nonce keys read from "));
}

TEST(StateDir, TwoServersDoNotShareAKey) {
  const TemporaryDirectory directory;
  CsprngRandom random;
  const auto one = load_nonce_keys(directory.path("a"), random);
  const auto other = load_nonce_keys(directory.path("b"), random);
  ASSERT_TRUE(one && other);
  EXPECT_NE(one->keys.front().secret, other->keys.front().secret);
}

TEST(StateDir, WhatCannotBeWrittenIsKeptInMemory) {
  const TemporaryDirectory directory;
  CsprngRandom random;
  // A directory below a file cannot be made, not even by root.
  const auto keys = load_nonce_keys(directory.write("file", "") + "/state", random);
  ASSERT_TRUE(keys);
  EXPECT_EQ(keys->keys.size(), 1u);
  EXPECT_FALSE(keys->survive_restart);
  EXPECT_THAT(keys->said, StartsWith("nonce keys are kept in memory only: "));
}

TEST(StateDir, WhatWeMayNotLookAtIsNotAbsent) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to become somebody else";
  const TemporaryDirectory directory;
  CsprngRandom random;
  const std::string state = directory.path("state");
  ASSERT_TRUE(load_nonce_keys(state, random));
  ASSERT_EQ(::seteuid(65534), 0);
  const auto keys = load_nonce_keys(state, random);
  ASSERT_EQ(::seteuid(0), 0);
  ASSERT_FALSE(keys);
  EXPECT_EQ(keys.error(), state + "/nonce.keys cannot be read: Permission denied");
}

TEST(StateDir, AMalformedFileIsNotReplaced) {
  const TemporaryDirectory directory;
  CsprngRandom random;
  const std::string path = directory.write("nonce.keys", "1 too short\n");
  const auto keys = load_nonce_keys(directory.path(), random);
  ASSERT_FALSE(keys);
  EXPECT_EQ(keys.error(), path + " holds no nonce keys; remove it to have them made anew");
  EXPECT_EQ(directory.read("nonce.keys"), "1 too short\n");
}

TEST(StateDir, KeysThatOthersCanReadAreRefused) {
  const TemporaryDirectory directory;
  CsprngRandom random;
  ASSERT_TRUE(load_nonce_keys(directory.path(), random));
  std::filesystem::permissions(directory.path("nonce.keys"), std::filesystem::perms(0640));
  const auto keys = load_nonce_keys(directory.path(), random);
  ASSERT_FALSE(keys);
  EXPECT_THAT(keys.error(), HasSubstr("must be mode 0600"));
}

TEST(StateDir, SeveralKeysKeepTheirOrder) {
  std::vector<NonceKey> keys(2);
  keys[0].id = 7;
  keys[0].secret.fill(0xAB);
  keys[1].id = 255;
  const auto again = parse_nonce_keys(print_nonce_keys(keys));
  ASSERT_TRUE(again);
  ASSERT_EQ(again->size(), 2u);
  EXPECT_EQ((*again)[0].id, 7);
  EXPECT_EQ((*again)[0].secret, keys[0].secret);
  EXPECT_EQ((*again)[1].id, 255);
}

TEST(StateDir, WhatIsNoKeyIsNothing) {
  const std::string hex(64, 'a');
  for (const std::string& text :
       {std::string(), std::string("\n"), "1 " + hex.substr(1), "1 " + hex + "a", "256 " + hex,
        "x " + hex, "1 " + std::string(64, 'g'), "1" + hex, "1 " + hex + "\n1 " + hex}) {
    EXPECT_FALSE(parse_nonce_keys(text)) << text;
  }
}

TEST(ReadyFile, HoldsOneUriPerLine) {
  const TemporaryDirectory directory;
  const std::string path = directory.path("ready");
  ASSERT_TRUE(write_ready_file(path, {*ListenerUri::parse("udp://127.0.0.1:4711"),
                                      *ListenerUri::parse("udp://[::1]:4712")}));
  EXPECT_EQ(directory.read("ready"), "udp://127.0.0.1:4711\nudp://[::1]:4712\n");
  EXPECT_EQ(mode_of(path), 0644u);
}

TEST(ReadyFile, ReplacesAnOldOneAndLeavesNothingBeside) {
  const TemporaryDirectory directory;
  const std::string path = directory.write("ready", "old and longer than the new one\n");
  ASSERT_TRUE(write_ready_file(path, {}));
  EXPECT_EQ(directory.read("ready"), "");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory.path()), {}), 1);
}

TEST(ReadyFile, OfAnEarlierStartIsRemoved) {
  const TemporaryDirectory directory;
  const std::string path = directory.write("ready", "udp://127.0.0.1:4711\n");
  EXPECT_TRUE(remove_ready_file(path));
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_TRUE(remove_ready_file(path)) << "none is fine";
  EXPECT_TRUE(remove_ready_file(""));
  EXPECT_FALSE(remove_ready_file(directory.path())) << "a directory is no ready file";
}

TEST(ReadyFile, WhereItCannotBeWrittenItSaysSo) {
  const auto written = write_ready_file("/dev/null/ready", {});
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error(), "/dev/null/ready cannot be written: Not a directory");
}

}  // namespace
}  // namespace uturn
