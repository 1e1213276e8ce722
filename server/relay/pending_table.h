// PendingTable: requests that wait for a directory, another shard or a peer.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <tuple>
#include <vector>

#include "auth/authenticator.h"
#include "protocol/message_view.h"
#include "server/relay/arrival.h"
#include "server/relay/deadline_queue.h"
#include "server/relay/limits.h"
#include "server/relay/outcome.h"

namespace uturn {

struct PendingRequest {
  PendingId id;
  Arrival arrival;
  TransactionId transaction;
  std::array<uint8_t, kPendingMessageSize> message;
  size_t size = 0;
  Asked asked;                    ///< waits for this directory …
  std::optional<Accepted> proof;  ///< … or, who it is being known, for another shard's reservation
                                  ///< or for a peer to be connected
  uint64_t asked_to_yield = 0;    ///< shards, by bit: the last of them is waited for
  Instant expires_at;
  DeadlineQueue::Handle deadline = DeadlineQueue::kNone;

  Bytes bytes() const { return Bytes{message}.first(size); }
};

/// Bounded; found by id (the answer's ticket), by five-tuple and transaction id (a retransmission
/// joins what already waits), and by five-tuple alone (the client has gone). Memory is taken by
/// request and kept for the next.
class PendingTable {
 public:
  explicit PendingTable(uint32_t limit) : limit_(limit) {}
  void set_limit(uint32_t limit) { limit_ = limit; }  ///< of what comes; who waits, waits on

  PendingRequest* find(PendingId id);
  PendingRequest* find(const FiveTuple& five_tuple, const TransactionId& transaction);
  PendingRequest* any_of(const FiveTuple& five_tuple);
  /// The id the next add() will use, should there be one.
  PendingId next_id() const;
  /// That id was given out, but nothing will wait under it: whoever comes next gets another one.
  void skip_next_id();
  /// The last eighth is kept for requests that are authenticated and wait for another shard.
  bool has_room_for_strangers() const { return by_key_.size() < limit_ - limit_ / 8; }
  /// Null when full. `message` has at most kPendingMessageSize bytes.
  PendingRequest* add(const Arrival& arrival, const MessageView& message);
  void remove(PendingRequest& request);
  size_t size() const { return by_key_.size(); }

 private:
  struct Key {
    FiveTuple five_tuple;
    TransactionId transaction;
    auto parts() const {
      return std::tuple{static_cast<const TransportAddress&>(five_tuple.client),
                        static_cast<const TransportAddress&>(five_tuple.server),
                        five_tuple.transport, transaction.bytes};
    }
    friend bool operator<(const Key& a, const Key& b) { return a.parts() < b.parts(); }
  };
  struct Slot {
    std::unique_ptr<PendingRequest> request;
    uint32_t generation = 0;
    bool is_used = false;
  };
  void provide_slot();

  uint32_t limit_;
  std::vector<Slot> slots_;
  std::vector<uint32_t> unused_;
  std::map<Key, uint32_t> by_key_;  ///< ordered: no client can choose keys that are slow to find
};

}  // namespace uturn
