// Capacity: how many allocations there is room for.
#include "server/capacity.h"

#include <sys/resource.h>

#include <algorithm>

namespace uturn {
namespace {

/// Standard streams, log, signals, look-ups; and per worker a ring or epoll, an event, its share of
/// each listener.
uint64_t own_descriptors(const CapacityNeeds& needs) {
  constexpr uint64_t kProcess = 64;
  constexpr uint64_t kWorker = 8;
  return kProcess + uint64_t{needs.workers} * (kWorker + needs.listeners);
}

// Of the descriptors that sockets may take, one in eight is kept for the twins of busy ones.
constexpr uint64_t kTwinShare = 8;

// Of the same, a third is kept for connections: one for the client, one for its allocation, and one
// for those who have none.
constexpr uint64_t kConnectionShare = 3;

uint64_t with_twins(uint64_t sockets) {
  return sockets + (sockets + kTwinShare - 2) / (kTwinShare - 1);
}

uint64_t all_relay_ports(const CapacityNeeds& needs) {
  return (uint64_t{needs.ipv4_addresses} + needs.ipv6_addresses) * needs.relay_ports;
}

/// "16384 ports for IPv4 and 16384 for IPv6": an allocation takes one of its family.
std::string ports_text(const CapacityNeeds& needs) {
  const auto count = [&](uint32_t addresses) {
    return std::to_string(uint64_t{addresses} * needs.relay_ports);
  };
  if (needs.ipv6_addresses == 0) return count(needs.ipv4_addresses) + " ports for IPv4";
  if (needs.ipv4_addresses == 0) return count(needs.ipv6_addresses) + " ports for IPv6";
  return count(needs.ipv4_addresses) + " ports for IPv4 and " + count(needs.ipv6_addresses) +
         " for IPv6";
}

}  // namespace

uint64_t wanted_descriptors(const CapacityNeeds& needs) {
  const uint64_t of_each = needs.ipv4_addresses > 0 && needs.ipv6_addresses > 0 ? 2 : 1;
  const uint64_t sockets =
      of_each * needs.allocation_limit + uint64_t{needs.workers} * needs.reservation_limit;
  return own_descriptors(needs) + needs.connections +
         with_twins(std::min(all_relay_ports(needs), sockets));
}

Capacity compute_capacity(const CapacityNeeds& needs, uint64_t descriptors) {
  const uint64_t own = own_descriptors(needs);
  const uint64_t all = descriptors > own ? descriptors - own : 0;
  const uint64_t connections = std::min<uint64_t>(needs.connections, all / kConnectionShare);
  const uint64_t left = all - connections;
  const uint64_t twins = (left + kTwinShare - 1) / kTwinShare;
  const uint64_t by_descriptors = left - twins;
  const uint64_t by_ports = all_relay_ports(needs);
  const uint64_t room = std::min({by_descriptors, by_ports, uint64_t{needs.allocation_limit}});

  Capacity capacity;
  capacity.descriptors = descriptors;
  capacity.allocations = static_cast<uint32_t>(room);
  capacity.connections = static_cast<uint32_t>(connections);
  capacity.twins = static_cast<uint32_t>(std::min<uint64_t>(twins, UINT32_MAX));
  capacity.said = "room for " + std::to_string(room) + " allocations: ";
  if (room == by_descriptors) {
    capacity.said += "bounded by " + std::to_string(descriptors) + " descriptors (RLIMIT_NOFILE)";
  } else if (room == by_ports) {
    capacity.said += "bounded by relay.ports, " + ports_text(needs);
  } else {
    capacity.said += "bounded by limits.allocations";
  }
  return capacity;
}

Limits limits_of_worker(const Limits& limits, uint32_t workers) {
  Limits own = limits;
  own.answers_per_second = std::max<uint32_t>(1, limits.answers_per_second / workers);
  own.answers_burst = std::max<uint32_t>(1, limits.answers_burst / workers);
  return own;
}

uint64_t raise_descriptor_limit(uint64_t wanted) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  if (limit.rlim_cur >= wanted) return limit.rlim_cur;

  const rlimit both{wanted, std::max<rlim_t>(wanted, limit.rlim_max)};
  const rlimit soft{std::min<rlim_t>(wanted, limit.rlim_max), limit.rlim_max};
  if (::setrlimit(RLIMIT_NOFILE, &both) != 0) ::setrlimit(RLIMIT_NOFILE, &soft);
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

}  // namespace uturn
