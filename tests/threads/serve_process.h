// ServeProcess: the program itself, `uturn serve`, with files of its own, ended by its pid.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/time.h"
#include "protocol/transport_address.h"
#include "tests/server/temporary_directory.h"

namespace uturn {

class ServeProcess {
 public:
  /// A server on loopback for alice and her secret, these arguments added.
  static std::vector<std::string> loopback_arguments(const std::string& io);

  /// `uturn serve` with these arguments, a state directory and a ready file.
  explicit ServeProcess(std::vector<std::string> arguments);
  ServeProcess(const ServeProcess&) = delete;
  ~ServeProcess();  ///< kills what still runs

  pid_t pid() const { return pid_; }
  /// Waits for the ready file, or for the end of the process; false for the latter.
  bool becomes_ready();
  bool has_ready_file() const;
  TransportAddress address() const;  ///< of the first listener, by the ready file
  bool is_running() const;

  void signal(int number) const;
  /// The exit status; nothing where it did not end in time or was ended by a signal.
  std::optional<int> wait_for_end(Duration patience);

  std::string output() const { return directory_.read("output"); }  ///< standard output and error
  bool says(std::string_view text);  ///< waits until the output has it
  uint64_t resident_bytes() const;

 private:
  bool wait_for_change(Duration patience) const;

  TemporaryDirectory directory_;
  int changes_;  ///< inotify: of the directory and what is in it
  pid_t pid_ = -1;
  int pidfd_ = -1;
  bool has_ended_ = false;
};

}  // namespace uturn
