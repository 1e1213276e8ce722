// How many CPUs this process was granted: by affinity, and by its control group.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace uturn {

/// Where the kernel says so; a test's directories otherwise.
struct CpuSources {
  uint32_t affinity = 1;  ///< CPUs in sched_getaffinity()'s mask
  std::string proc_cgroup = "/proc/self/cgroup";
  std::string cgroup_root = "/sys/fs/cgroup";
};
CpuSources this_process_cpus();

/// max(1, min(affinity, ceil(quota / period))), the smallest quota of the process's group and its
/// ancestors, in version 2 (cpu.max) and version 1 (cpu.cfs_quota_us).
uint32_t count_granted_cpus(const CpuSources& sources);

/// "200000 100000" is 2, "150000 100000" is 2, "max 100000" is no limit.
std::optional<uint32_t> parse_cpu_max(std::string_view text);

}  // namespace uturn
