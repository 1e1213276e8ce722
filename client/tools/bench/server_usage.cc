// ServerUsage: reading /proc (proc(5)) and the process's CPU clock.
#include "client/tools/bench/server_usage.h"

#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <system_error>

namespace uturn {
namespace {

namespace fs = std::filesystem;

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string in_proc(pid_t pid, const char* file) {
  return read_file("/proc/" + std::to_string(pid) + "/" + file);
}

Duration of_ticks(uint64_t ticks) {
  return Duration{1s} / ::sysconf(_SC_CLK_TCK) * static_cast<int64_t>(ticks);
}

/// The rest of the line that begins with `key`; nothing where there is none.
std::optional<std::string> line_of(const std::string& text, const std::string& key) {
  size_t at = text.rfind(key, 0) == 0 ? 0 : text.find("\n" + key);
  if (at == std::string::npos) return std::nullopt;
  at = text.find(key, at) + key.size();
  return text.substr(at, text.find('\n', at) - at);
}

std::optional<uint64_t> kilobytes_of(const std::string& text, const std::string& key) {
  const auto rest = line_of(text, key);
  uint64_t value = 0;
  if (!rest || !(std::istringstream{*rest} >> value)) return std::nullopt;
  return value * 1024;
}

/// The fields of /proc/PID/stat behind the command's name, which may hold anything but its last
/// parenthesis; [0] is the state, field 3 of proc(5).
std::vector<std::string> stat_fields(pid_t pid) {
  const std::string text = in_proc(pid, "stat");
  const size_t end = text.rfind(')');
  if (end == std::string::npos) return {};
  std::istringstream rest{text.substr(end + 1)};
  return {std::istream_iterator<std::string>{rest}, {}};
}

uint64_t number_in(const std::vector<std::string>& fields, size_t field) {
  constexpr size_t kFirst = 3;
  uint64_t value = 0;
  const std::string& text = fields[field - kFirst];
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// The sum of what /proc/PID/task/*/schedstat says, kept by the kernel also for threads that have
// ended, which these files forget.
std::optional<Duration> cpu_time(pid_t pid) {
  clockid_t clock;
  timespec time;
  if (::clock_getcpuclockid(pid, &clock) != 0) return std::nullopt;
  if (::clock_gettime(clock, &time) != 0) return std::nullopt;
  return std::chrono::seconds{time.tv_sec} + std::chrono::nanoseconds{time.tv_nsec};
}

std::vector<pid_t> find_ksoftirqd(const std::vector<uint32_t>& cpus) {
  std::vector<pid_t> found;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/proc", ignored)) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::string command = read_file("/proc/" + name + "/comm");
    if (!command.empty()) command.pop_back();
    const auto is_it = [&](uint32_t cpu) { return command == "ksoftirqd/" + std::to_string(cpu); };
    if (std::ranges::any_of(cpus, is_it)) found.push_back(std::stoi(name));
  }
  return found;
}

std::optional<Duration> run_time(const std::vector<pid_t>& kernel_threads) {
  if (kernel_threads.empty()) return std::nullopt;  // another PID namespace hides them
  Duration sum{};
  for (const pid_t pid : kernel_threads) {
    int64_t nanoseconds = 0;
    if (!(std::istringstream{in_proc(pid, "schedstat")} >> nanoseconds)) return std::nullopt;
    sum += Duration{nanoseconds};
  }
  return sum;
}

/// The seventh number of each "cpuN" line of /proc/stat.
Duration softirq_time(const std::vector<uint32_t>& cpus) {
  const std::string text = read_file("/proc/stat");
  uint64_t ticks = 0;
  for (const uint32_t cpu : cpus) {
    const auto line = line_of(text, "cpu" + std::to_string(cpu) + " ");
    std::istringstream numbers{line.value_or("")};
    std::array<uint64_t, 7> values{};
    for (uint64_t& value : values) numbers >> value;
    ticks += values.back();
  }
  return of_ticks(ticks);
}

std::optional<uint64_t> count_descriptors(pid_t pid) {
  std::error_code error;
  const fs::directory_iterator all("/proc/" + std::to_string(pid) + "/fd", error);
  if (error) return std::nullopt;
  return static_cast<uint64_t>(std::distance(begin(all), end(all)));
}

/// smaps_rollup is for the same user or root; statm for everybody, without what is anonymous.
void read_memory(pid_t pid, UsageSnapshot& usage) {
  const std::string rollup = in_proc(pid, "smaps_rollup");
  usage.anonymous_bytes = kilobytes_of(rollup, "Anonymous:");
  if (const auto rss = kilobytes_of(rollup, "Rss:")) {
    usage.rss_bytes = *rss;
    return;
  }
  uint64_t size = 0;
  uint64_t resident = 0;
  std::istringstream{in_proc(pid, "statm")} >> size >> resident;
  usage.rss_bytes = resident * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\n") - first + 1);
}

std::optional<uint32_t> cpu_in(std::string_view text) {
  constexpr uint32_t kMaxCpu = 8'191;  // what a kernel can be built for
  uint32_t cpu = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, cpu);
  if (error != std::errc{} || rest != end || cpu > kMaxCpu) return std::nullopt;
  return cpu;
}

}  // namespace

UsageSnapshot difference(const UsageSnapshot& after, const UsageSnapshot& before) {
  UsageSnapshot result = after;
  result.cpu -= before.cpu;
  result.user -= before.user;
  result.system -= before.system;
  result.softirq -= before.softirq;
  if (!before.ksoftirqd) result.ksoftirqd.reset();
  if (result.ksoftirqd) *result.ksoftirqd -= *before.ksoftirqd;
  return result;
}

Result<ServerUsage, std::string> ServerUsage::of(pid_t pid) {
  const auto allowed = line_of(in_proc(pid, "status"), "Cpus_allowed_list:");
  const auto cpus = allowed ? parse_cpu_list(*allowed) : std::nullopt;
  if (!cpus) return Failure{"there is no process " + std::to_string(pid) + " to watch"};
  return ServerUsage{pid, *cpus, find_ksoftirqd(*cpus)};
}

std::optional<UsageSnapshot> ServerUsage::look() const {
  constexpr size_t kUtime = 14, kStime = 15, kNumThreads = 20;  // fields of /proc/PID/stat
  const auto cpu = cpu_time(pid_);
  const auto fields = stat_fields(pid_);
  if (!cpu || fields.size() < kNumThreads) return std::nullopt;
  UsageSnapshot usage;
  usage.cpu = *cpu;
  usage.user = of_ticks(number_in(fields, kUtime));
  usage.system = of_ticks(number_in(fields, kStime));
  usage.threads = number_in(fields, kNumThreads);
  usage.ksoftirqd = run_time(ksoftirqd_);
  usage.softirq = softirq_time(cpus_);
  usage.descriptors = count_descriptors(pid_);
  read_memory(pid_, usage);
  return usage;
}

std::optional<bool> softirq_included() {
  utsname kernel{};
  ::uname(&kernel);
  // zlib reads what is not compressed as it is.
  for (const std::string& path :
       {std::string{"/proc/config.gz"}, "/boot/config-" + std::string{kernel.release}}) {
    const gzFile file = ::gzopen(path.c_str(), "r");
    if (!file) continue;
    std::array<char, 4096> line;
    bool apart = false;
    while (::gzgets(file, line.data(), line.size())) {
      apart = apart || std::string_view{line.data()} == "CONFIG_IRQ_TIME_ACCOUNTING=y\n";
    }
    ::gzclose(file);
    return !apart;
  }
  return std::nullopt;
}

std::optional<std::vector<uint32_t>> parse_cpu_list(std::string_view text) {
  std::vector<uint32_t> cpus;
  for (bool more = true; more;) {
    const size_t comma = text.find(',');
    const std::string_view range = trimmed(text.substr(0, comma));
    more = comma != std::string_view::npos;
    if (more) text.remove_prefix(comma + 1);
    const size_t dash = range.find('-');
    const auto first = cpu_in(range.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : cpu_in(range.substr(dash + 1));
    if (!first || !last || *last < *first) return std::nullopt;
    for (uint32_t cpu = *first; cpu <= *last; ++cpu) cpus.push_back(cpu);
  }
  return cpus;
}

}  // namespace uturn
