// Runs a command line in this process, with a server that only remembers what it was given.
#pragma once

#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "server/command_line.h"
#include "tests/server/config_reading.h"

namespace uturn {

struct CommandRun {
  int status = -1;
  std::string out;
  std::string err;
};

/// What the fakes were called with; reset by every run.
struct Called {
  std::optional<Config> served;
  std::optional<ProbeOptions> probed;
  std::optional<DetectWish> detected;
  std::optional<BenchOptions> benched;
};
inline Called called;

inline int remember_serve(const Config& config) {
  called.served = config;
  return 0;
}
inline int remember_probe(const ProbeOptions& options, std::ostream&, std::ostream&) {
  called.probed = options;
  return 1;
}
inline int remember_bench(const BenchOptions& options, std::ostream&, std::ostream&) {
  called.benched = options;
  return 0;
}
inline Result<Detected, std::string> remember_detect(const DetectWish& wish,
                                                     std::vector<std::string>& asked) {
  called.detected = wish;
  asked.emplace_back("asked a friend");
  if (wish.stun_host == "silent.example") return Failure{std::string("no answer")};
  return Detected{*IpAddress::parse("203.0.113.7"), "a friend says 203.0.113.7"};
}

inline CommandRun run(const std::vector<std::string>& arguments,
                      const ConfigReading& reading = {}) {
  called = {};
  std::ostringstream out;
  std::ostringstream err;
  CommandRun result;
  result.status =
      run_command_line(arguments, {remember_serve, remember_probe, remember_detect, remember_bench},
                       reading.sources(), out, err);
  result.out = out.str();
  result.err = err.str();
  return result;
}

}  // namespace uturn
