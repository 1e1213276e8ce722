// BenchReport: what a bench run found, in the shape of its JSON; what is unknown is absent.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "client/tools/bench/options.h"
#include "protocol/time.h"

namespace uturn {

/// Of a latency histogram; times in nanoseconds.
struct LatencySummary {
  uint64_t count = 0;
  uint64_t min = 0;
  double mean = 0;
  uint64_t p50 = 0;
  uint64_t p90 = 0;
  uint64_t p99 = 0;
  uint64_t p99_9 = 0;
  uint64_t max = 0;
};

/// One leg, towards the peers or towards the clients.
struct LegReport {
  uint64_t sent = 0;
  uint64_t received = 0;
  uint64_t lost = 0;
  std::optional<LatencySummary> latency{};  ///< one way
};

struct RelayReport {
  uint64_t sent = 0;      ///< both legs
  uint64_t received = 0;  ///< each packet once
  uint64_t lost = 0;      ///< sent and not received after the quiet period
  uint64_t duplicates = 0;
  uint64_t reordered = 0;
  uint64_t unknown = 0;  ///< received without our stamp, or with one that was never sent
  double packets_per_second = 0;
  double payload_bits_per_second = 0;
  std::optional<LegReport> to_peer{};
  std::optional<LegReport> to_client{};
  std::optional<LatencySummary> round_trip{};  ///< direction echo
  /// The open-loop schedule could not be kept: so many packets were sent later than their time plus
  /// a pass, or not at all, and that is more than 5 % of all.
  bool generator_behind = false;
  uint64_t late = 0;
  uint64_t generator_drops = 0;  ///< that the generator's own sockets refused or lost
};

/// Modes allocate, lives, binding, churn.
struct RequestReport {
  uint64_t begun = 0;
  uint64_t succeeded = 0;
  std::map<std::string, uint64_t> failed{};  ///< by error code, or "timeout"
  uint64_t retransmissions = 0;
  double per_second = 0;
  std::optional<LatencySummary> latency{};
};

struct FloodReport {
  FloodKind kind{};
  uint64_t sent = 0;
  uint64_t bytes_sent = 0;
  uint64_t answers = 0;
  uint64_t answer_bytes = 0;
};

struct MachineReport {
  std::string kernel;
  std::string cpu_model;
  uint32_t cpus = 0;
};

/// One of the looks at the server's memory while it ran.
struct MemorySample {
  double seconds = 0;  ///< since the measuring began
  uint64_t rss_bytes = 0;
};

/// What the server used over the measured time.
struct UsageReport {
  std::optional<uint64_t> cpu_ns{};  ///< run time of its tasks and of ksoftirqd on its CPUs
  std::optional<uint64_t> user_ns{};
  std::optional<uint64_t> system_ns{};
  std::optional<uint64_t> softirq_ns{};  ///< of its CPUs; coarse
  std::optional<uint64_t> ksoftirqd_ns{};
  std::optional<bool> softirq_included{};  ///< whether a task's run time has its inline softirqs
  std::string per{};                       ///< "packet", "request", "allocation"
  std::optional<uint64_t> units{};         ///< how many of these, not part of the JSON
  std::optional<uint64_t> rss_bytes_before{};
  std::optional<uint64_t> rss_bytes_after{};
  std::optional<double> rss_bytes_per_allocation{};
  std::optional<uint64_t> anonymous_bytes_before{};  ///< of these, heap and stacks alone
  std::optional<uint64_t> anonymous_bytes_after{};
  std::vector<MemorySample> memory{};          ///< mode churn
  std::optional<double> rss_bytes_per_hour{};  ///< their slope, by least squares
  std::optional<uint64_t> descriptors{};
  std::optional<uint64_t> threads{};
};

struct BenchReport {
  BenchOptions settings;  ///< in effect
  std::string server{};   ///< the transport address that was talked to
  /// What the first connection agreed on.
  std::optional<ConnectionSecurity> security{};
  std::string io{};                   ///< of the generator: "io_uring" or "epoll"
  std::vector<std::string> scaled{};  ///< what was asked for and could not be had
  double seconds = 0;                 ///< measured, warm-up excluded
  std::optional<RelayReport> relay{};
  std::optional<RequestReport> requests{};
  std::optional<RequestReport> releases{};  ///< Refresh with lifetime 0, counted apart
  std::vector<FloodReport> floods{};
  std::optional<MachineReport> machine{};
  std::optional<UsageReport> usage{};
};

/// One JSON object.
void print_json(const BenchReport& report, std::ostream& out);
/// For people.
void print_table(const BenchReport& report, std::ostream& out);

}  // namespace uturn
