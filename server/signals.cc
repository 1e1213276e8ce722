// Signals by signalfd.
#include "server/signals.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <utility>

namespace uturn {
namespace {

ServerSignal meaning_of(uint32_t number) {
  switch (number) {
    case SIGHUP:
      return ServerSignal::reload;
    case SIGUSR1:
      return ServerSignal::drain;
    case SIGUSR2:
      return ServerSignal::reload_certificates;
    default:
      return ServerSignal::stop;
  }
}

}  // namespace

Result<Signals, std::string> Signals::block() {
  sigset_t ours;
  ::sigemptyset(&ours);
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2}) ::sigaddset(&ours, number);
  sigset_t previous;
  if (const int error = ::pthread_sigmask(SIG_BLOCK, &ours, &previous); error != 0) {
    return Failure{std::string("signals cannot be blocked: ") + std::strerror(error)};
  }
  const int fd = ::signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
  if (fd < 0) {
    const int error = errno;
    ::pthread_sigmask(SIG_SETMASK, &previous, nullptr);
    return Failure{std::string("signalfd failed: ") + std::strerror(error)};
  }
  // Writing to a log whose reader is gone must not end the server.
  struct sigaction ignore{};
  struct sigaction previous_pipe{};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &ignore, &previous_pipe);
  return Signals(fd, previous, previous_pipe);
}

Signals::Signals(Signals&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      previous_(other.previous_),
      previous_pipe_(other.previous_pipe_) {}

Signals::~Signals() {
  if (fd_ < 0) return;
  // One that still waits would end the process once it is blocked no more.
  signalfd_siginfo waits{};
  while (::read(fd_, &waits, sizeof waits) == static_cast<ssize_t>(sizeof waits)) {
  }
  ::close(fd_);
  ::sigaction(SIGPIPE, &previous_pipe_, nullptr);
  ::pthread_sigmask(SIG_SETMASK, &previous_, nullptr);
}

std::optional<ServerSignal> Signals::wait(std::chrono::milliseconds timeout) {
  return wait_for(static_cast<int>(std::clamp<int64_t>(timeout.count(), 0, INT_MAX)));
}

ServerSignal Signals::wait() {
  while (true) {
    if (const auto signal = wait_for(-1)) return *signal;
  }
}

std::optional<ServerSignal> Signals::wait_for(int milliseconds) {
  pollfd readable{fd_, POLLIN, 0};
  if (::poll(&readable, 1, milliseconds) <= 0) return std::nullopt;
  signalfd_siginfo info{};
  if (::read(fd_, &info, sizeof info) != static_cast<ssize_t>(sizeof info)) return std::nullopt;
  return meaning_of(info.ssi_signo);
}

}  // namespace uturn
