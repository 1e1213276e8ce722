// RelayCounters: what a shard's relay has done. Plain integers of one thread.
#pragma once

#include <array>
#include <cstdint>

#include "auth/auth_failure.h"
#include "auth/quota.h"
#include "protocol/counter.h"
#include "server/relay/outcome.h"
#include "server/relay/result_counts.h"

namespace uturn {

struct RelayCounters {
  // fates
  std::array<uint64_t, kDropReasons> drops{};
  uint64_t answers = 0;
  uint64_t defers = 0;

  // Added up when it is asked for (Relay::counters), so that a packet need not be counted once
  // more: what was relayed, of the traffic classes; what arrived, of its fates.
  uint64_t datagrams_in = 0;  ///< sum(drops) + answers + defers + forwards
  uint64_t forwards = 0;
  uint64_t to_peers = 0;  ///< of `forwards`; their payload bytes with those of joined connections
  uint64_t to_clients = 0;
  uint64_t bytes_to_peers = 0;
  uint64_t bytes_to_clients = 0;

  // between two allocations of this server, past the kernel: `forwards` of the sender, and once
  // more `datagrams_in` of the receiver, as they are through it
  uint64_t shortcuts_here = 0;  ///< to an allocation of this shard
  uint64_t shortcuts_away = 0;  ///< offered to another shard, which may have had no room
  uint64_t shortcuts_in = 0;    ///< of `datagrams_in`: no loop brought them

  // how deferred requests ended; joined: retransmissions of one that already waits
  uint64_t resumed_answers = 0;
  uint64_t resumed_drops = 0;
  uint64_t pending_expired = 0;
  uint64_t pending_joined = 0;

  // ICMP errors are no datagrams: apart from the fates above
  uint64_t icmp_told = 0;  ///< became Data indications
  std::array<uint64_t, kDropReasons> icmp_drops{};

  // TCP allocations (RFC 6062); connections are no datagrams either
  uint64_t tcp_allocations_made = 0;  ///< of `allocations_made`
  uint64_t tcp_connected = 0;         ///< Connects that succeeded
  uint64_t tcp_connects_failed = 0;   ///< 447, those that took too long among them
  uint64_t tcp_connects_timed_out = 0;
  uint64_t tcp_attempts_told = 0;                         ///< became ConnectionAttempt indications
  std::array<uint64_t, kDropReasons> tcp_peers_closed{};  ///< accepted, and closed at once
  uint64_t tcp_bound = 0;                                 ///< ConnectionBinds that succeeded
  uint64_t tcp_never_bound = 0;                           ///< closed after kBindTimeout
  uint64_t handed_over = 0;  ///< ConnectionBinds that another shard decides, and counts

  uint64_t bindings = 0;
  uint64_t challenges = 0;
  uint64_t allocations_made = 0;
  uint64_t allocations_deleted = 0;  ///< by Refresh 0
  uint64_t allocations_expired = 0;
  uint64_t allocations_disconnected = 0;               ///< the client's connection has ended
  uint64_t allocations_kicked = 0;                     ///< by the operator
  uint64_t allocations_gave_way = 0;                   ///< silent, and their user needed the place
  std::array<uint64_t, kQuotaLimits> quota_refused{};  ///< 486, by QuotaLimit
  /// By whose limit it was; those times among them that a joined connection began to wait.
  std::array<uint64_t, kBandwidthLimits> bandwidth_drops{};
  uint64_t reservations_made = 0;
  uint64_t reservations_redeemed = 0;
  uint64_t reservations_expired = 0;
  uint64_t ports_occupied = 0;         ///< a port of the range that somebody else held
  uint64_t ports_exhausted = 0;        ///< 508: none left, or kPortAttempts were occupied
  uint64_t peers_denied = 0;           ///< 403
  std::array<uint64_t, 700> errors{};  ///< answers by error code
  ResultCounts results;                ///< the same and successes, by method
  uint64_t authenticated = 0;          ///< requests that proved who they are, or need not
  std::array<uint64_t, kAuthFailures> auth_failures{};

  // of allocations: now, and what came of those that were made
  uint64_t permissions = 0;             ///< now; expired ones until they are swept
  uint64_t channels = 0;                ///< likewise
  uint64_t allocations_permitted = 0;   ///< got a permission, or a TCP connection
  uint64_t allocations_used = 0;        ///< have relayed something
  uint64_t allocations_never_used = 0;  ///< have ended without
  uint64_t allocations_stopped = 0;     ///< ended with the server
  // limits that were reached, beyond what drops and errors tell
  uint64_t permissions_full = 0;
  uint64_t channels_full = 0;
  uint64_t reservations_full = 0;

  uint64_t drops_of(DropReason why) const { return drops[static_cast<size_t>(why)]; }
};

}  // namespace uturn
