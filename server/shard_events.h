// ShardEvents: what a shard has to tell an operator, on its way to the thread that may write logs.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "auth/authenticator.h"
#include "auth/peer_policy.h"
#include "protocol/transport_address.h"
#include "server/failed_logins.h"
#include "server/relay/end_reason.h"
#include "server/relay/traffic.h"

namespace uturn {

struct ShardEvent {
  enum class Kind : uint8_t { peer_denied, auth_failure, ports_exhausted };
  Kind kind{};
  PeerDecision decision{};  ///< peer_denied
  AuthFailure why{};        ///< auth_failure, with the client it concerns
  TransportAddress client{};
  AddressFamily family{};  ///< ports_exhausted
};

/// The record of an allocation that has ended: one each, for whoever bills or looks for faults.
struct EndedAllocation {
  std::string username;
  std::string realm;
  FiveTuple five_tuple;
  std::vector<RelayedAddress> relayed;  ///< as they are here
  bool relays_tcp = false;
  Duration lasted{};
  Traffic traffic;
  EndReason why{};
};

/// Bounded: what does not fit is counted and forgotten. Filled by requests only. `descriptor()`
/// becomes readable.
class ShardEvents {
 public:
  static constexpr size_t kCapacity = 1'024;
  static constexpr size_t kFailedCapacity = 4'096;
  static constexpr size_t kEndedCapacity = 16'384;  ///< many end at once when a server stops
  ShardEvents();
  ~ShardEvents();
  ShardEvents(const ShardEvents&) = delete;
  ShardEvents& operator=(const ShardEvents&) = delete;

  void push(const ShardEvent& event);
  void push(EndedAllocation ended);
  void push(FailedLogin failed);
  std::vector<ShardEvent> take();  ///< the first of the three: what comes from here on wakes again
  std::vector<EndedAllocation> take_ended();
  std::vector<FailedLogin> take_failed_logins();
  int descriptor() const { return descriptor_; }
  void wake();  ///< makes it readable
  uint64_t lost() const;
  size_t waiting() const;  ///< to be logged

  // What the log is for right now; it may change while the server runs.
  bool wants_ended() const { return wants_ended_.load(std::memory_order_relaxed); }
  bool wants_auth_failures() const { return wants_auth_failures_.load(std::memory_order_relaxed); }
  void want(bool ended, bool auth_failures) {
    wants_ended_ = ended;
    wants_auth_failures_ = auth_failures;
  }

 private:
  int descriptor_ = -1;
  std::atomic<bool> wants_ended_{false};
  std::atomic<bool> wants_auth_failures_{false};
  mutable std::mutex mutex_;
  bool is_told_ = false;  ///< whoever takes has been woken already
  std::vector<ShardEvent> events_;
  std::vector<EndedAllocation> ended_;
  std::vector<FailedLogin> failed_;
  uint64_t lost_ = 0;
};

}  // namespace uturn
