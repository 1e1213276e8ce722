// The HTTP server on a Unix socket: its name, its mode, and who asks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "server/http/http_server.h"
#include "tests/http/http_end.h"
#include "tests/http/test_routes.h"
#include "tests/server/temporary_directory.h"

namespace uturn {
namespace {

using testing::HasSubstr;

mode_t mode_of(const std::string& path) {
  struct stat found{};
  CHECK(::stat(path.c_str(), &found) == 0);
  return found.st_mode & 07777;
}

void leave_stale_socket(const std::string& path) {
  sockaddr_un raw{};
  raw.sun_family = AF_UNIX;
  std::memcpy(raw.sun_path, path.data(), path.size());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  CHECK(::bind(fd, reinterpret_cast<const sockaddr*>(&raw), sizeof raw) == 0);
  ::close(fd);
}

TEST(HttpUnixServer, KnowsWhoAsksAndTakesItsNameAway) {
  const TemporaryDirectory directory;
  const std::string path = directory.path("admin.sock");
  {
    auto server = HttpServer::open(HttpUnixSocket{.path = path, .mode = 0600}, HttpLimits{});
    ASSERT_TRUE(server);
    EXPECT_EQ(mode_of(path), 0600U);
    ASSERT_TRUE((*server)->serve(test_routes()));
    EXPECT_EQ(HttpEnd::to_unix(path).ask(get("/who"))->body, std::to_string(::getpid()));
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(HttpUnixServer, ReplacesWhatAnEarlierRunLeft) {
  const TemporaryDirectory directory;
  const std::string path = directory.path("admin.sock");
  leave_stale_socket(path);
  auto server = HttpServer::open(HttpUnixSocket{.path = path}, HttpLimits{});
  ASSERT_TRUE(server) << server.error();
  ASSERT_TRUE((*server)->serve(test_routes()));
  EXPECT_EQ(HttpEnd::to_unix(path).ask(get("/hello"))->status, 200);
}

TEST(HttpUnixServer, LeavesAServerThatRunsAlone) {
  const TemporaryDirectory directory;
  const std::string path = directory.path("admin.sock");
  auto first = HttpServer::open(HttpUnixSocket{.path = path}, HttpLimits{});
  ASSERT_TRUE((*first)->serve(test_routes()));
  const auto second = HttpServer::open(HttpUnixSocket{.path = path}, HttpLimits{});
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error(), HasSubstr("in use"));
  EXPECT_EQ(HttpEnd::to_unix(path).ask(get("/hello"))->status, 200);
}

TEST(HttpUnixServer, LeavesAFileThatIsNoSocketAlone) {
  const TemporaryDirectory directory;
  const std::string path = directory.write("admin.sock", "a letter");
  const auto server = HttpServer::open(HttpUnixSocket{.path = path}, HttpLimits{});
  ASSERT_FALSE(server);
  EXPECT_THAT(server.error(), HasSubstr("is no socket"));
  EXPECT_EQ(directory.read("admin.sock"), "a letter");
}

TEST(HttpUnixServer, DoesNotTakeAwayTheNameOfItsSuccessor) {
  const TemporaryDirectory directory;
  const std::string path = directory.path("admin.sock");
  auto first = HttpServer::open(HttpUnixSocket{.path = path}, HttpLimits{});
  std::filesystem::remove(path);
  auto second = HttpServer::open(HttpUnixSocket{.path = path}, HttpLimits{});
  ASSERT_TRUE(second);
  (*first)->stop();
  EXPECT_TRUE(std::filesystem::exists(path));
}

TEST(HttpUnixServer, APathThatNoSocketMayHaveIsRefused) {
  const auto server =
      HttpServer::open(HttpUnixSocket{.path = "/tmp/" + std::string(200, 'x')}, HttpLimits{});
  EXPECT_FALSE(server);
}

}  // namespace
}  // namespace uturn
