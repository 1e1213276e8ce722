// Signals, as something to wait for instead of something that interrupts.
#pragma once

#include <signal.h>

#include <cstdint>
#include <optional>
#include <string>

#include "protocol/result.h"
#include "protocol/time.h"

namespace uturn {

enum class ServerSignal : uint8_t {
  stop,                 ///< TERM, INT
  reload,               ///< HUP: logs are opened anew, the configuration is read again
  drain,                ///< USR1
  reload_certificates,  ///< USR2
};

/// Blocks these signals in the calling thread and all that it starts afterwards, so it is made
/// before any; ignores SIGPIPE. Ends with what was before.
class Signals {
 public:
  static Result<Signals, std::string> block();
  Signals(Signals&& other) noexcept;
  Signals& operator=(Signals&&) = delete;
  ~Signals();

  /// The next signal; nullopt where none came in time.
  std::optional<ServerSignal> wait(std::chrono::milliseconds timeout);
  ServerSignal wait();
  int fd() const { return fd_; }  ///< readable when a signal waits

 private:
  Signals(int fd, const sigset_t& previous, const struct sigaction& previous_pipe)
      : fd_(fd), previous_(previous), previous_pipe_(previous_pipe) {}
  std::optional<ServerSignal> wait_for(int milliseconds);

  int fd_ = -1;
  sigset_t previous_{};
  struct sigaction previous_pipe_{};
};

}  // namespace uturn
