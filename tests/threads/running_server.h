// RunningServer: a real Server in this process, on loopback and an ephemeral port.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "server/server.h"
#include "tests/server/temporary_directory.h"

namespace uturn {

/// What a server must be to run anywhere: it stays the user it is, and relays to loopback.
Config loopback_config(IoWish io, uint32_t workers);

class RunningServer {
 public:
  explicit RunningServer(const Config& config);
  ~RunningServer() { stop(); }

  bool is_running() const { return server_.has_value() && !problem_; }
  const std::string& problem() const { return *problem_; }  ///< why start() failed
  const TransportAddress& address(size_t listener = 0) const {
    return server_->listeners()[listener].address;
  }
  void stop();
  /// Of a stopped server.
  const RelayCounters& counters() const { return statistics_.relay(); }

 private:
  TemporaryDirectory directory_;
  Config config_;
  Log log_;
  Signals signals_;
  std::optional<Server> server_;
  std::optional<std::string> problem_;
  Statistics statistics_;
};

/// Descriptors this process has open.
inline size_t count_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<size_t>(std::distance(begin(all), end(all)));
}

}  // namespace uturn
