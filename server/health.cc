// What must be there for one more allocation.
#include "server/health.h"

#include <algorithm>

namespace uturn {
namespace {

/// An allocation of both families, an accepted connection, and one for whoever comes to look.
constexpr uint64_t kDescriptorsNeeded = 4;

bool has_free_port(const ServerSample& sample) {
  return std::ranges::any_of(sample.ports, [](const PortUsage& ports) {
    return ports.protocol == "udp" && ports.taken + ports.resting < ports.all;
  });
}

}  // namespace

Health find_readiness(const ServerSample& sample) {
  std::string wrong;
  if (sample.is_draining) wrong += "the server drains\n";
  if (sample.answering < sample.shards.size()) {
    wrong += "of " + std::to_string(sample.shards.size()) + " workers " +
             std::to_string(sample.answering) + " answer\n";
  }
  if (!has_free_port(sample)) wrong += "no relay port is free\n";
  const ProcessUsage& process = sample.process;
  if (process.open_descriptors + kDescriptorsNeeded > process.max_descriptors) {
    wrong += "no descriptors are left\n";
  }
  if (sample.allocations_held >= sample.allocations_limit) {
    wrong += "limits.allocations is reached\n";
  }
  return wrong.empty() ? Health{} : Health{false, wrong};
}

}  // namespace uturn
