// ReservationTable: relayed transport addresses held for whoever shows the token (RFC 8656,
// Section 7.2).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "auth/quota.h"
#include "auth/random.h"
#include "protocol/time.h"
#include "server/relay/deadline_queue.h"
#include "server/relay/relay_ports.h"
#include "server/relay/relay_sockets.h"

namespace uturn {

struct Identity;

/// Who that is, in a text that no other user of any realm has.
std::string owner_of(const Identity& identity);

/// A port and the socket that keeps others off it. Whoever holds this adopts or drops the socket.
struct Reservation {
  PortLease port;
  HeldSocket socket;
  QuotaLease quota;   ///< counted like the allocation it is for
  std::string owner;  ///< owner_of() who reserved: nobody else may redeem
  Instant expires_at{};
  DeadlineQueue::Handle deadline = DeadlineQueue::kNone;
};

/// The reservations of one shard. A token is eight bytes: the first names the shard, so that a
/// request on another five-tuple, which may land on another shard, finds its way; the other seven
/// are random.
class ReservationTable {
 public:
  explicit ReservationTable(uint8_t shard) : shard_(shard) {}

  static uint8_t shard_of(uint64_t token) { return static_cast<uint8_t>(token >> 56); }

  uint64_t make_token(Random& random) const;
  void add(uint64_t token, Reservation reservation);
  /// Takes it out, where it is there, alive and this user's.
  std::optional<Reservation> redeem(uint64_t token, std::string_view owner, Now now);
  std::optional<Reservation> remove(uint64_t token);
  size_t size() const { return reservations_.size(); }
  std::optional<uint64_t> any() const;

 private:
  uint8_t shard_;
  std::unordered_map<uint64_t, Reservation> reservations_;  // keys are ours and random
};

}  // namespace uturn
