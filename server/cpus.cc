// How many CPUs this process was granted.
#include "server/cpus.h"

#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <iterator>
#include <vector>

namespace uturn {
namespace {

std::optional<std::string> read_file(const std::string& path) {
  std::ifstream file(path);
  if (!file) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

std::optional<uint64_t> parse_number(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<uint32_t> divide_up(std::optional<uint64_t> quota, std::optional<uint64_t> period) {
  if (!quota || !period || *quota == 0 || *period == 0) return std::nullopt;
  return static_cast<uint32_t>(std::min<uint64_t>((*quota - 1) / *period + 1, UINT32_MAX));
}

std::optional<uint32_t> limit_of_v2(const std::string& directory) {
  const auto text = read_file(directory + "/cpu.max");
  return text ? parse_cpu_max(*text) : std::nullopt;
}

std::optional<uint32_t> limit_of_v1(const std::string& directory) {
  const auto quota = read_file(directory + "/cpu.cfs_quota_us");  // -1: no limit
  const auto period = read_file(directory + "/cpu.cfs_period_us");
  if (!quota || !period) return std::nullopt;
  return divide_up(parse_number(*quota), parse_number(*period));
}

/// The smallest limit from `group` up to `root`: an ancestor's quota binds its children too.
template <class LimitOf>
uint32_t smallest_limit(const std::string& root, std::string group, LimitOf limit_of) {
  uint32_t smallest = UINT32_MAX;
  while (true) {
    if (const auto limit = limit_of(root + group)) smallest = std::min(smallest, *limit);
    if (group.empty() || group == "/") return smallest;
    group.erase(group.rfind('/'));
  }
}

bool has_controller(std::string_view controllers, std::string_view name) {
  while (!controllers.empty()) {
    const size_t comma = std::min(controllers.find(','), controllers.size());
    if (controllers.substr(0, comma) == name) return true;
    controllers.remove_prefix(std::min(comma + 1, controllers.size()));
  }
  return false;
}

}  // namespace

CpuSources this_process_cpus() {
  CpuSources sources;
  // The mask may be longer than cpu_set_t on large machines: the kernel says EINVAL until it fits.
  for (size_t cpus = CPU_SETSIZE; cpus <= 1u << 16; cpus *= 2) {
    std::vector<cpu_set_t> mask(CPU_ALLOC_SIZE(cpus) / sizeof(cpu_set_t));
    const size_t bytes = mask.size() * sizeof(cpu_set_t);
    if (::sched_getaffinity(0, bytes, mask.data()) == 0) {
      sources.affinity = static_cast<uint32_t>(std::max(1, CPU_COUNT_S(bytes, mask.data())));
      break;
    }
    if (errno != EINVAL) break;
  }
  return sources;
}

uint32_t count_granted_cpus(const CpuSources& sources) {
  uint32_t limit = sources.affinity;
  std::ifstream groups(sources.proc_cgroup);
  // Lines "0::/path" (version 2) and "4:cpu,cpuacct:/path" (version 1).
  for (std::string line; std::getline(groups, line);) {
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (first == line.npos || second == line.npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string group = line.substr(second + 1);
    if (!group.starts_with('/')) continue;
    if (controllers.empty()) {
      limit = std::min(limit, smallest_limit(sources.cgroup_root, group, limit_of_v2));
    } else if (has_controller(controllers, "cpu")) {
      limit = std::min(limit, smallest_limit(sources.cgroup_root + "/cpu", group, limit_of_v1));
    }
  }
  return std::max(1u, limit);
}

std::optional<uint32_t> parse_cpu_max(std::string_view text) {
  const size_t space = text.find(' ');
  if (space == text.npos) return std::nullopt;
  return divide_up(parse_number(text.substr(0, space)), parse_number(text.substr(space + 1)));
}

}  // namespace uturn
