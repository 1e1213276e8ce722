// Machine: by uname and /proc/cpuinfo.
#include "client/tools/bench/machine.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <fstream>

namespace uturn {
namespace {

std::string cpu_model() {
  std::ifstream file{"/proc/cpuinfo"};
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("model name")) continue;
    const size_t value = line.find(": ");
    if (value != std::string::npos) return line.substr(value + 2);
  }
  return {};
}

}  // namespace

MachineReport machine_report() {
  MachineReport machine;
  utsname names{};
  if (::uname(&names) == 0) machine.kernel = std::string{names.sysname} + " " + names.release;
  machine.cpu_model = cpu_model();
  machine.cpus = static_cast<uint32_t>(::sysconf(_SC_NPROCESSORS_ONLN));
  return machine;
}

}  // namespace uturn
