// Files are replaced in many ways: each is heard.
#include "server/file_watch.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>

#include <filesystem>

#include "tests/server/temporary_directory.h"

namespace uturn {
namespace {

namespace fs = std::filesystem;

bool hears(FileWatch& watch) {
  pollfd waits{watch.descriptor(), POLLIN, 0};
  const bool heard = ::poll(&waits, 1, 0) == 1;
  watch.take();
  return heard;
}

class FileWatching : public testing::Test {
 protected:
  TemporaryDirectory directory_;
};

TEST_F(FileWatching, AFileThatIsWrittenOrReplacedByRenameIsHeard) {
  const std::string path = directory_.write("key.pem", "one");
  FileWatch watch({path});
  EXPECT_FALSE(hears(watch));
  directory_.write("key.pem", "two");
  EXPECT_TRUE(hears(watch));
  EXPECT_FALSE(hears(watch));
  directory_.write("key.pem.new", "three");
  hears(watch);
  fs::rename(directory_.path("key.pem.new"), path);
  EXPECT_TRUE(hears(watch));
  ::chmod(path.c_str(), 0600);
  EXPECT_TRUE(hears(watch)) << "it may have been the permission that was wrong";
}

// As certbot does it: live/ has links into archive/.
TEST_F(FileWatching, ALinkThatIsReplacedIsHeardAndWhatItPointsToToo) {
  directory_.write("archive/cert1.pem", "one");
  directory_.write("archive/cert2.pem", "two");
  fs::create_directory(directory_.path("live"));
  fs::create_symlink("../archive/cert1.pem", directory_.path("live/cert.pem"));
  FileWatch watch({directory_.path("live/cert.pem")});
  directory_.write("archive/cert1.pem", "changed where it lies");
  EXPECT_TRUE(hears(watch));
  fs::create_symlink("../archive/cert2.pem", directory_.path("live/new"));
  fs::rename(directory_.path("live/new"), directory_.path("live/cert.pem"));
  EXPECT_TRUE(hears(watch));
}

// As Kubernetes mounts a secret: the directory that the links go through is itself a link.
TEST_F(FileWatching, ADirectoryThatIsSwappedByALinkIsHeard) {
  directory_.write("..1/tls.crt", "one");
  directory_.write("..2/tls.crt", "two");
  fs::create_symlink("..1", directory_.path("..data"));
  fs::create_symlink("..data/tls.crt", directory_.path("tls.crt"));
  FileWatch watch({directory_.path("tls.crt")});
  const auto before = file_states(watch.paths());
  fs::create_symlink("..2", directory_.path("..new"));
  fs::rename(directory_.path("..new"), directory_.path("..data"));
  EXPECT_TRUE(hears(watch));
  EXPECT_NE(file_states(watch.paths()), before);

  watch.follow_links();
  hears(watch);
  directory_.write("..2/tls.crt", "three");
  EXPECT_TRUE(hears(watch)) << "in the directory that is meant by now";
  directory_.write("..1/tls.crt", "nobody's any more");
  EXPECT_FALSE(hears(watch));
}

TEST_F(FileWatching, ADirectoryThatIsMadeAnewIsFollowed) {
  directory_.write("tls/cert.pem", "one");
  FileWatch watch({directory_.path("tls/cert.pem")});
  fs::remove_all(directory_.path("tls"));
  EXPECT_TRUE(hears(watch));
  directory_.write("tls/cert.pem", "two");
  watch.follow_links();
  hears(watch);
  directory_.write("tls/cert.pem", "three");
  EXPECT_TRUE(hears(watch));
}

TEST_F(FileWatching, WhatIsNotThereAndWhatGoesInCirclesIsNoHarm) {
  fs::create_symlink("b", directory_.path("a"));
  fs::create_symlink("a", directory_.path("b"));
  FileWatch watch({directory_.path("a"), directory_.path("no/such/file"), "nowhere.pem"});
  watch.follow_links();
  EXPECT_NE(file_states(watch.paths())[0].error, 0);
  directory_.write("c", "");
  EXPECT_TRUE(hears(watch)) << "another file of the directory: whoever hears compares the states";
}

TEST_F(FileWatching, AStateTellsContentsApart) {
  const std::string path = directory_.write("cert.pem", "one");
  const auto before = file_states({path});
  EXPECT_EQ(file_states({path}), before);
  directory_.write("other", "one");
  fs::rename(directory_.path("other"), path);
  EXPECT_NE(file_states({path}), before);
  fs::remove(path);
  EXPECT_EQ(file_states({path})[0].error, ENOENT);
}

}  // namespace
}  // namespace uturn
