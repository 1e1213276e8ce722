// ProbeReport: what a probe found, for people and for programs.
#pragma once

#include <iosfwd>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "protocol/time.h"

namespace uturn {

/// Something learned: "relayed" → 192.0.2.1:50000, "lifetime" → 600 s.
struct ProbeFact {
  std::string name;
  std::variant<std::string, std::chrono::seconds, int64_t> value;
};

/// One thing that was tried.
struct ProbeStep {
  enum class Status : uint8_t { passed, failed, skipped };
  std::string name;  ///< "binding", "allocate", "relay by channel"
  Status status = Status::skipped;
  Duration took{};
  std::vector<ProbeFact> facts{};
  std::string cause{};      ///< of a failure, one plain sentence
  std::string cause_id{};   ///< of a failure, for programs: "timed_out"
  uint16_t error_code = 0;  ///< of a failure: ERROR-CODE, where the server sent one
};

struct ProbeReport {
  std::string uri;
  std::string server;  ///< the transport address that was talked to; empty: none
  std::vector<ProbeStep> steps;

  bool is_healthy() const;  ///< at least one step, and every one passed
};

void print_table(const ProbeReport& report, std::ostream& out);
void print_json(const ProbeReport& report, std::ostream& out);

}  // namespace uturn
