// Limits: a bound for every table, queue and pass of the relay. Each is watched by a counter.
#pragma once

#include <cstddef>
#include <cstdint>

#include "protocol/time.h"
#include "protocol/turn_lifetimes.h"

namespace uturn {

/// Set by the operator (`limits:` of the configuration), per shard unless it says otherwise.
struct Limits {
  uint32_t allocations = 1'000'000;           ///< in the process
  uint32_t allocations_per_user = 0;          ///< in the process, by quota id; 0: unlimited
  uint32_t allocations_per_client_ip = 0;     ///< in the process, IPv6 by /64; 0: unlimited
  uint32_t permissions_per_allocation = 256;  ///< per address family
  uint32_t channels_per_allocation = 256;
  uint32_t pending_requests = 4'096;  ///< requests that wait for a directory or another shard
  uint32_t reservations = 1'024;      ///< ports held for a RESERVATION-TOKEN
  uint32_t tcp_connections = 16'384;  ///< to and from the peers of TCP allocations
  uint32_t tcp_connections_per_allocation = 64;
  uint32_t answers_per_second = 2'000;  ///< to one source and kind; the server shares it out
  uint32_t answers_burst = 20'000;
  uint32_t answer_sources = 16'384;  ///< sources remembered; a full table replaces at random
  std::chrono::seconds max_lifetime{3'600};  ///< of an allocation (RFC 8656, Section 7.2)
};

// Fixed by an RFC or by the shape of the code.
inline constexpr std::chrono::seconds kReservationLifetime{30};  // RFC 8656, Section 7.2
inline constexpr std::chrono::seconds kConnectTimeout{30};  // "at least" (RFC 6062, Section 5.2)
inline constexpr std::chrono::seconds kBindTimeout{30};     // RFC 6062, Sections 5.2 and 5.3
inline constexpr std::chrono::seconds kPortRest{
    60};  // a port somebody else holds is left alone so long
inline constexpr std::chrono::seconds kPendingLifetime{
    10};  // about when a client's retransmissions end
inline constexpr uint32_t kConnectShare =
    4;  // Connects wait in at most this part of pending_requests
inline constexpr std::chrono::seconds kSilence{
    30};  // of a client whose allocation may give way to another one of its user
inline constexpr uint32_t kPortAttempts = 16;  // binds tried for one request, then 508
inline constexpr uint32_t kExpirationsPerPass = 128;
// Datagrams between allocations of two shards: slots of a ring, bytes of a slot, rings of the
// process (64 MiB in all; every pair of 11 shards), datagrams taken in one pass.
inline constexpr uint32_t kShortcutSlots = 256;
inline constexpr uint32_t kShortcutSlotSize = 2'048;
inline constexpr uint32_t kShortcutRings = 128;
inline constexpr uint32_t kShortcutsPerPass = 256;
inline constexpr uint32_t kIcmpErrorsPerSecond = 10;  // told to one client
inline constexpr uint32_t kPeersPerRequest = 32;      // XOR-PEER-ADDRESS in one CreatePermission
inline constexpr size_t kAnswerSize = 1'024;          // the longest answer we build
inline constexpr size_t kPendingMessageSize = 1'500;  // the longest request that can wait

}  // namespace uturn
