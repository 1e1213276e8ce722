// ServerUsage: what a server process took from the machine, between two looks at it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/result.h"
#include "protocol/time.h"

namespace uturn {

/// One look. What could not be read is absent, never zero.
struct UsageSnapshot {
  /// Run time of all its threads, of those that have ended too. On loopback the kernel's receiving
  /// (softirq) happens inside the sender's system call and is in here, unless the kernel accounts
  /// interrupts apart: see softirq_included().
  Duration cpu{};
  Duration user{};    ///< by the kernel's clock tick, scaled to `cpu`
  Duration system{};  ///< likewise
  /// Of the ksoftirqd threads of the CPUs the server may run on: what the kernel had to put off.
  std::optional<Duration> ksoftirqd{};
  Duration softirq{};  ///< of the same CPUs, whoever caused it, in clock ticks
  uint64_t rss_bytes = 0;
  std::optional<uint64_t> anonymous_bytes{};  ///< heap and stacks alone; of smaps_rollup
  std::optional<uint64_t> descriptors{};      ///< only the same user or root may count them
  uint64_t threads = 0;
};

/// `after` less `before` for times; memory, descriptors and threads are as `after` found them.
UsageSnapshot difference(const UsageSnapshot& after, const UsageSnapshot& before);

class ServerUsage {
 public:
  /// The error is a sentence for people: no such process, or no /proc.
  static Result<ServerUsage, std::string> of(pid_t pid);

  /// Nothing where the process has ended since.
  std::optional<UsageSnapshot> look() const;

  const std::vector<uint32_t>& allowed_cpus() const { return cpus_; }

 private:
  ServerUsage(pid_t pid, std::vector<uint32_t> cpus, std::vector<pid_t> ksoftirqd)
      : pid_(pid), cpus_(std::move(cpus)), ksoftirqd_(std::move(ksoftirqd)) {}

  pid_t pid_;
  std::vector<uint32_t> cpus_;
  std::vector<pid_t> ksoftirqd_;
};

/// Does a thread's run time include the softirq work done while it ran? By the kernel's
/// configuration (CONFIG_IRQ_TIME_ACCOUNTING); nothing where that cannot be read.
std::optional<bool> softirq_included();

/// "0-2,5" as the kernel writes sets of CPUs; nothing where it is none.
std::optional<std::vector<uint32_t>> parse_cpu_list(std::string_view text);

}  // namespace uturn
