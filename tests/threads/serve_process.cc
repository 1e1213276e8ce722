// Starting the program, watching its files, ending it.
#include "tests/threads/serve_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "client/tools/client_socket.h"
#include "server/config.h"
#include "tests/threads/udp_end.h"

namespace uturn {
namespace {

int milliseconds(Duration duration) {
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(std::max(duration, Duration{}));
  return static_cast<int>(wait.count());
}

}  // namespace

std::vector<std::string> ServeProcess::loopback_arguments(const std::string& io) {
  return {"--listen",     "udp://127.0.0.1:0",
          "--relay-ip",   "127.0.0.1",
          "--allow-peer", "127.0.0.0/8",
          "--user",       "alice:secret",
          "--io",         io,
          "--set",        "limits.allocations=2000"};
}

ServeProcess::ServeProcess(std::vector<std::string> arguments)
    : changes_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
  const std::string output = directory_.write("output", "");
  CHECK(::inotify_add_watch(changes_, directory_.path().c_str(), IN_MODIFY | IN_MOVED_TO) >= 0);

  arguments.insert(arguments.begin(), {UTURN_BINARY, "serve"});
  arguments.insert(arguments.end(), {"--metrics", "none"});
  for (const char* flag : {"--state-dir", "--ready-file", "--admin-socket"}) {
    arguments.insert(arguments.end(), {flag, directory_.path(std::string{flag}.substr(2))});
  }
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);

  posix_spawn_file_actions_t files;
  CHECK(::posix_spawn_file_actions_init(&files) == 0);
  ::posix_spawn_file_actions_addopen(&files, 1, output.c_str(), O_WRONLY | O_APPEND, 0);
  ::posix_spawn_file_actions_adddup2(&files, 1, 2);
  // The address sanitizer keeps what was freed for a while: it must not look like growth.
  ::setenv("ASAN_OPTIONS", "quarantine_size_mb=1:thread_local_quarantine_size_kb=16", 0);
  CHECK(::posix_spawn(&pid_, UTURN_BINARY, &files, nullptr, argv.data(), environ) == 0);
  ::posix_spawn_file_actions_destroy(&files);
  pidfd_ = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
  CHECK(pidfd_ >= 0);
}

ServeProcess::~ServeProcess() {
  if (!has_ended_) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  ::close(pidfd_);
  ::close(changes_);
}

bool ServeProcess::becomes_ready() {
  const Instant until = read_clocks().monotonic + 2 * kPatience;
  while (!has_ready_file()) {
    if (!is_running() || !wait_for_change(until - read_clocks().monotonic)) return false;
  }
  return true;
}

bool ServeProcess::has_ready_file() const {
  return std::filesystem::exists(directory_.path("ready-file"));
}

TransportAddress ServeProcess::address() const {
  std::istringstream lines(directory_.read("ready-file"));
  std::string line;
  std::getline(lines, line);
  const auto uri = ListenerUri::parse(line);
  CHECK(uri);
  return uri->address;
}

bool ServeProcess::is_running() const {
  pollfd ended{pidfd_, POLLIN, 0};
  return !has_ended_ && ::poll(&ended, 1, 0) == 0;
}

void ServeProcess::signal(int number) const {
  CHECK(!has_ended_);
  ::kill(pid_, number);
}

std::optional<int> ServeProcess::wait_for_end(Duration patience) {
  pollfd ended{pidfd_, POLLIN, 0};
  if (has_ended_ || ::poll(&ended, 1, milliseconds(patience)) != 1) return std::nullopt;
  int status = 0;
  has_ended_ = ::waitpid(pid_, &status, 0) == pid_;
  if (!WIFEXITED(status)) return std::nullopt;
  return WEXITSTATUS(status);
}

bool ServeProcess::says(std::string_view text) {
  const Instant until = read_clocks().monotonic + kPatience;
  while (output().find(text) == std::string::npos) {
    if (!wait_for_change(until - read_clocks().monotonic)) return false;
  }
  return true;
}

// False at the end of the patience. The end of the process is a change.
bool ServeProcess::wait_for_change(Duration patience) const {
  std::array<pollfd, 2> waits{pollfd{changes_, POLLIN, 0}, pollfd{pidfd_, POLLIN, 0}};
  const nfds_t watched = is_running() ? 2 : 1;
  if (::poll(waits.data(), watched, milliseconds(patience)) <= 0) return false;
  std::array<char, 4'096> events;
  while (::read(changes_, events.data(), events.size()) > 0) {
  }
  return true;
}

uint64_t ServeProcess::resident_bytes() const {
  std::ifstream file("/proc/" + std::to_string(pid_) + "/statm");
  uint64_t size = 0;
  uint64_t resident = 0;
  file >> size >> resident;
  return resident * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace uturn
