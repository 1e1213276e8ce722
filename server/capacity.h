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
  uint32_t ipv4_addresses = 0;  ///< to relay from
  uint32_t ipv6_addresses = 0;
  uint32_t relay_ports = 0;  ///< of each address
  uint32_t allocation_limit = 0;
  uint32_t reservation_limit = 0;  ///< of each worker
  uint32_t connections = 0;        ///< over TCP, of clients and of their peers
};

struct Capacity {
  uint64_t descriptors = 0;  ///< RLIMIT_NOFILE in force
  uint32_t allocations = 0;
  uint32_t connections = 0;
  uint32_t twins = 0;  ///< second sockets for busy peers (io/busy_peers.h), of all workers
  std::string said;    ///< one line: the number and what bounds it
};

/// Pure: what this many descriptors make possible for allocations of one relayed address; what the
/// process needs besides is put aside first. An allocation of both families takes two.
Capacity compute_capacity(const CapacityNeeds& needs, uint64_t descriptors);

/// The descriptors that would leave the other limits in charge, even where every allocation has
/// both families (RFC 8656, Section 7.2) and every reservation holds a socket.
uint64_t wanted_descriptors(const CapacityNeeds& needs);

/// What bounds one worker where the operator's number is for all together: the answers to the
/// unauthenticated, whose table each worker has for itself. At least one.
Limits limits_of_worker(const Limits& limits, uint32_t workers);

/// Raises the soft limit to what is wanted, and the hard one too where the process may; never
/// lowers either. Returns what is in force.
uint64_t raise_descriptor_limit(uint64_t wanted);

}  // namespace uturn
