// PendingTable: requests that wait for a directory or for another shard.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
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
  Instant expires_at;
  DeadlineQueue::Handle deadline = DeadlineQueue::kNone;

  Bytes bytes() const { return Bytes{message}.first(size); }
};

/// Bounded; found by id (the answer's ticket) and by five-tuple and transaction id (a
/// retransmission joins what already waits). Memory is taken by request and kept for the next.
class PendingTable {
 public:
  PendingTable(uint32_t limit, uint64_t seed);

  PendingRequest* find(PendingId id);
  PendingRequest* find(const FiveTuple& five_tuple, const TransactionId& transaction);
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
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct KeyHash {
    uint64_t seed;
    size_t operator()(const Key& key) const;
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
  std::unordered_map<Key, uint32_t, KeyHash> by_key_;
};

}  // namespace uturn
