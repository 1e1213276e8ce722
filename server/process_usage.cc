// Reading /proc/self.
#include "server/process_usage.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>

namespace uturn {
namespace {

/// Without "." and "..", and without the descriptor that counts.
uint64_t count_descriptors() {
  DIR* const directory = ::opendir("/proc/self/fd");
  if (directory == nullptr) return 0;
  uint64_t entries = 0;
  while (::readdir(directory) != nullptr) ++entries;
  ::closedir(directory);
  return entries > 3 ? entries - 3 : 0;
}

uint64_t boot_time() {
  std::ifstream file("/proc/stat");
  for (std::string word; file >> word;) {
    uint64_t seconds = 0;
    if (word == "btime" && file >> seconds) return seconds;
  }
  return 0;
}

}  // namespace

// proc_pid_stat(5); the name in brackets may hold anything, so the fields count from behind it.
ProcessUsage read_process_usage() {
  ProcessUsage usage;
  std::ifstream file("/proc/self/stat");
  std::string line;
  std::getline(file, line);
  const size_t name_end = line.rfind(')');
  if (name_end != line.npos) {
    std::istringstream fields(line.substr(name_end + 1));
    const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
    std::string word;
    for (int field = 3; fields >> word; ++field) {
      const bool is_number = !word.empty() && (word[0] >= '0' && word[0] <= '9');
      const uint64_t value = is_number ? std::strtoull(word.c_str(), nullptr, 10) : 0;
      if (field == 14 || field == 15) usage.cpu_seconds += static_cast<double>(value) / ticks;
      if (field == 20) usage.threads = value;
      if (field == 22) {
        usage.start_time = static_cast<double>(boot_time()) + static_cast<double>(value) / ticks;
      }
      if (field == 23) usage.virtual_bytes = value;
      if (field == 24) usage.resident_bytes = value * static_cast<uint64_t>(::getpagesize());
    }
  }
  usage.open_descriptors = count_descriptors();
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) usage.max_descriptors = limit.rlim_cur;
  return usage;
}

}  // namespace uturn
