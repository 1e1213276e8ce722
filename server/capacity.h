// Capacity: how many allocations the descriptors, the relay ports and the limits have room for.
#pragma once

#include <cstdint>
#include <string>

#include "server/config.h"

namespace uturn {

/// What an allocation needs, counted before anything is opened.
struct CapacityNeeds {
  uint32_t workers = 1;
  uint32_t listeners = 0;
  uint32_t relay_addresses = 0;
  uint32_t relay_ports = 0;  ///< of each address
  uint32_t allocation_limit = 0;
};

struct Capacity {
  uint64_t descriptors = 0;  ///< RLIMIT_NOFILE in force
  uint32_t allocations = 0;
  std::string said;  ///< one line: the number and what bounds it
};

/// Pure: what this many descriptors make possible. One socket per allocation; what the process
/// needs besides is put aside first.
Capacity compute_capacity(const CapacityNeeds& needs, uint64_t descriptors);

/// The descriptors that would leave the other limits in charge.
uint64_t wanted_descriptors(const CapacityNeeds& needs);

/// Raises the soft limit to what is wanted, and the hard one too where the process may; never
/// lowers either. Returns what is in force.
uint64_t raise_descriptor_limit(uint64_t wanted);

}  // namespace uturn
