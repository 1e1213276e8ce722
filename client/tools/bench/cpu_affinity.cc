// CPU affinity: by pthread_setaffinity_np(3).
#include "client/tools/bench/cpu_affinity.h"

#include <pthread.h>
#include <sched.h>

namespace uturn {

// A CPU that is not there leaves the thread where it was.
void pin_this_thread(const std::vector<uint32_t>& cpus, uint32_t number) {
  if (cpus.empty()) return;
  const uint32_t cpu = cpus[number % cpus.size()];
  if (cpu >= CPU_SETSIZE) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  ::pthread_setaffinity_np(::pthread_self(), sizeof set, &set);
}

}  // namespace uturn
