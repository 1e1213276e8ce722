// The built program itself: exit statuses, a clean stop, an address in use.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "tests/server/temporary_directory.h"
#include "tests/source_dir.h"

namespace uturn {
namespace {

using ::testing::HasSubstr;

/// A run of the program; what it prints on both streams comes through one pipe.
class Program {
 public:
  explicit Program(std::vector<std::string> arguments) {
    int ends[2];
    CHECK(::pipe2(ends, O_CLOEXEC) == 0);
    arguments.insert(arguments.begin(), UTURN_BINARY);
    std::vector<char*> raw;
    for (std::string& argument : arguments) raw.push_back(argument.data());
    raw.push_back(nullptr);
    pid_ = ::fork();
    CHECK(pid_ >= 0);
    if (pid_ == 0) {
      ::dup2(ends[1], STDOUT_FILENO);
      ::dup2(ends[1], STDERR_FILENO);
      ::execv(UTURN_BINARY, raw.data());
      ::_exit(127);
    }
    ::close(ends[1]);
    pipe_ = ends[0];
  }
  Program(const Program&) = delete;
  ~Program() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    ::close(pipe_);
  }

  /// Reads until this was printed; false where the program ends without.
  bool prints(const std::string& text) {
    while (output_.find(text) == output_.npos) {
      if (!read_some()) return false;
    }
    return true;
  }
  void signal(int number) const { ::kill(pid_, number); }
  /// The exit status; -1 for an end by a signal.
  int wait() {
    while (read_some()) {
    }
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  const std::string& output() const { return output_; }

 private:
  bool read_some() {
    char buffer[4096];
    const ssize_t size = ::read(pipe_, buffer, sizeof buffer);
    if (size > 0) output_.append(buffer, static_cast<size_t>(size));
    return size > 0;
  }
  pid_t pid_ = -1;
  int pipe_ = -1;
  std::string output_;
};

TEST(Binary, UsageExits2AndQuestionsExit0) {
  EXPECT_EQ(Program({}).wait(), 2);
  EXPECT_EQ(Program({"bench"}).wait(), 2);
  EXPECT_EQ(Program({"serve", "--nonsense"}).wait(), 2);
  EXPECT_EQ(Program({"--version"}).wait(), 0);
  EXPECT_EQ(Program({"help", "serve"}).wait(), 0);
}

TEST(Binary, ABadConfigurationStartsNothing) {
  const TemporaryDirectory directory;
  const std::string ready = directory.path("ready");
  const std::string bad = directory.write("bad.yaml", "relay: {ports: 9-8}\n");
  Program program(
      {"serve", "-c", bad, "--no-auth", "--listen", "udp://127.0.0.1:0", "--ready-file", ready});
  EXPECT_EQ(program.wait(), 2);
  EXPECT_THAT(program.output(), HasSubstr("bad.yaml:1: relay.ports: expected ports MIN-MAX"));
  EXPECT_NE(::access(ready.c_str(), F_OK), 0);
  EXPECT_EQ(Program({"check", bad}).wait(), 2);
}

TEST(Binary, TheReferenceWithAUserIsAccepted) {
  const TemporaryDirectory directory;
  Program program({"check", source_dir() + "/etc/uturn.yaml"});
  EXPECT_EQ(program.wait(), 2);  // complete, and nobody could log in
  EXPECT_THAT(program.output(), HasSubstr("auth: nobody could log in"));
  EXPECT_EQ(Program({"check", directory.write("good.yaml", "auth: {secrets: [s]}\n")}).wait(), 0);
}

TEST(Binary, QuickStartServesUntilItIsTold) {
  const TemporaryDirectory directory;
  for (const int number : {SIGTERM, SIGINT}) {
    Program program({"serve", "--listen", "udp://127.0.0.1:0", "--workers", "1", "--state-dir",
                     directory.path("state"), "--admin-socket", directory.path("admin.sock")});
    ASSERT_TRUE(program.prints("Ctrl-C stops the server.")) << program.output();
    program.signal(number);
    EXPECT_EQ(program.wait(), 0) << program.output();
    EXPECT_THAT(program.output(), HasSubstr("\"iceServers\""));
  }
}

TEST(Binary, ReloadsEndNothingAndADrainWithoutAllocationsEndsTheServer) {
  const TemporaryDirectory directory;
  Program program({"serve", "--listen", "udp://127.0.0.1:0", "--workers", "1", "--state-dir",
                   directory.path("state"), "--admin-socket", directory.path("admin.sock")});
  ASSERT_TRUE(program.prints("Ctrl-C stops the server.")) << program.output();
  for (const int number : {SIGUSR2, SIGHUP, SIGPIPE}) program.signal(number);
  ASSERT_TRUE(program.prints("the configuration was reloaded")) << program.output();
  program.signal(SIGUSR1);
  EXPECT_EQ(program.wait(), 0) << program.output();
}

TEST(Binary, AnAddressInUseExits1) {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);

  const TemporaryDirectory directory;
  const std::string listener = "udp://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  Program program({"serve", "--listen", listener, "--workers", "1", "--state-dir",
                   directory.path("state"), "--admin-socket", ""});
  EXPECT_EQ(program.wait(), 1);
  EXPECT_THAT(program.output(), HasSubstr("in use"));
  ::close(fd);
}

}  // namespace
}  // namespace uturn
