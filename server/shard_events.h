// ShardEvents: what a shard has to tell an operator, on its way to the thread that may write logs.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "auth/authenticator.h"
#include "auth/peer_policy.h"
#include "protocol/transport_address.h"

namespace uturn {

struct ShardEvent {
  enum class Kind : uint8_t { peer_denied, auth_failure, ports_exhausted };
  Kind kind{};
  PeerDecision decision{};  ///< peer_denied
  AuthFailure why{};        ///< auth_failure, with the client it concerns
  TransportAddress client{};
  AddressFamily family{};  ///< ports_exhausted
};

/// Bounded: what does not fit is counted and forgotten. Filled by requests only. `descriptor()`
/// becomes readable.
class ShardEvents {
 public:
  static constexpr size_t kCapacity = 1'024;
  ShardEvents();
  ~ShardEvents();
  ShardEvents(const ShardEvents&) = delete;
  ShardEvents& operator=(const ShardEvents&) = delete;

  void push(const ShardEvent& event);
  std::vector<ShardEvent> take();
  int descriptor() const { return descriptor_; }
  uint64_t lost() const;

 private:
  int descriptor_ = -1;
  mutable std::mutex mutex_;
  std::vector<ShardEvent> events_;
  uint64_t lost_ = 0;
};

}  // namespace uturn
