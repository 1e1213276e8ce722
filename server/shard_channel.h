// ShardChannel: the one way by which shards, and those outside them, talk to a shard.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "auth/realm_id.h"
#include "auth/user_directory.h"
#include "server/client_stream.h"
#include "server/relay/pending_table.h"
#include "server/relay/reservation_table.h"
#include "server/spsc_ring.h"

namespace uturn {

/// A request on another shard shows a token of this one.
struct ReservationClaim {
  uint8_t from = 0;
  PendingId waiting;
  uint64_t token = 0;
  std::string owner;  ///< who shows it, owner_of()
};
/// What came of it. The reservation, with its port and its socket, changes hands.
struct ReservationReply {
  PendingId waiting;
  std::optional<Reservation> reservation;
};
/// At the limit of its allocations a user's silent one may give way: is there one on that shard?
struct YieldClaim {
  uint8_t from = 0;
  PendingId waiting;
  std::string quota_id;
  RealmId realm{};
};
struct YieldReply {
  PendingId waiting;
};
/// A directory's answer, from its own thread.
struct UserReply {
  DirectoryTicket ticket = 0;
  UserAnswer answer;
};
struct StopShard {};

class Shard;

/// Something to be done on the shard's own thread for somebody who is no shard: an operator's
/// question, another certificate, the end of a session (shard_errand.h). Runs between two batches,
/// so it does a bounded amount of work and never waits. Where the shard stops before, it is
/// destroyed without having run.
class ShardErrand {
 public:
  virtual ~ShardErrand() = default;
  virtual void run(Shard& shard) = 0;
};

/// A MovingClient comes for its ConnectionBind: the connection it names is this shard's.
using ShardMessage =
    std::variant<ReservationClaim, ReservationReply, YieldClaim, YieldReply, UserReply, StopShard,
                 std::unique_ptr<ShardErrand>, std::unique_ptr<MovingClient>>;

inline constexpr uint8_t kMaxShards = 64;  ///< rings grow with its square

/// Bounded rings, one for each pair of shards and one, behind a lock, for whoever is no shard. A
/// full ring refuses: the sender's request then fails and its client tries again. Touched by
/// requests, never per packet.
class ShardChannel {
 public:
  static constexpr size_t kCapacity = 32;  ///< messages under way between two shards

  /// `wake(shard)` makes that shard read its messages; called from any thread.
  ShardChannel(uint8_t shards, std::function<void(uint8_t)> wake);

  /// Gives the message back where the ring is full.
  std::optional<ShardMessage> send(uint8_t from, uint8_t to, ShardMessage message);
  std::optional<ShardMessage> send_from_outside(uint8_t to, ShardMessage message);
  /// For what goes by other ways than these rings.
  void wake(uint8_t to) { wake_(to); }

  /// Messages that wait for a shard, about.
  size_t waiting(uint8_t to) const {
    size_t sum = 0;
    for (uint8_t from = 0; from <= shards_; ++from) {
      sum += rings_[size_t{from} * shards_ + to]->size();
    }
    return sum;
  }

  /// Only on the thread of shard `to`: hands over at most one round of what waits, in order per
  /// sender, and says whether there may be more.
  template <class Handle>
  bool receive(uint8_t to, Handle handle) {
    size_t handled = 0;
    for (uint8_t from = 0; from <= shards_; ++from) {
      Ring& ring = ring_between(from, to);
      for (size_t i = 0; i < kPerRound; ++i) {
        auto message = ring.pop();
        if (!message) break;
        handle(std::move(*message));
        ++handled;
      }
    }
    return handled >= kPerRound;
  }

 private:
  using Ring = SpscRing<ShardMessage, kCapacity>;
  static constexpr size_t kPerRound = 64;
  Ring& ring_between(uint8_t from, uint8_t to) { return *rings_[size_t{from} * shards_ + to]; }

  uint8_t shards_;
  std::function<void(uint8_t)> wake_;
  std::vector<std::unique_ptr<Ring>> rings_;  ///< the last row is of those outside
  std::mutex outside_;
};

}  // namespace uturn
