// Flood: unauthenticated and malformed packets, in a thread of its own beside any mode.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "client/tools/bench/report.h"
#include "protocol/result.h"

namespace uturn {

/// Spoofed sources, as far as one machine can have them: many addresses of loopback, 127.1.0.1 and
/// up, unless others are given.
class Flood {
 public:
  /// Opens the sockets and begins. The error is a sentence for people.
  static Result<Flood, std::string> start(const BenchOptions& options,
                                          const TransportAddress& server);
  Flood(Flood&&) noexcept;
  ~Flood();  ///< stops

  /// Stops sending, waits for the last answers, and tells what was sent and came back, by kind.
  std::vector<FloodReport> stop();

 private:
  struct Run;
  explicit Flood(std::unique_ptr<Run> run);
  std::unique_ptr<Run> run_;
};

}  // namespace uturn
