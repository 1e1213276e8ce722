// CPU affinity: keeping the generator's threads off the server's CPUs.
#pragma once

#include <cstdint>
#include <vector>

namespace uturn {

/// The calling thread, the `number`th of the generator's, runs on one of these CPUs, taken in turn;
/// anywhere where there are none.
void pin_this_thread(const std::vector<uint32_t>& cpus, uint32_t number);

}  // namespace uturn
