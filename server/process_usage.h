// ProcessUsage: what the kernel says this process uses.
#pragma once

#include <cstdint>

namespace uturn {

/// Zero where /proc does not say.
struct ProcessUsage {
  double cpu_seconds = 0;
  double start_time = 0;  ///< seconds since 1970
  uint64_t resident_bytes = 0;
  uint64_t virtual_bytes = 0;
  uint64_t open_descriptors = 0;
  uint64_t max_descriptors = 0;
  uint64_t threads = 0;
};

ProcessUsage read_process_usage();

}  // namespace uturn
