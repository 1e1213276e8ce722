// RelaySockets: how the relay has its sockets opened and closed, without knowing what a socket is.
#pragma once

#include <cstdint>

#include "protocol/result.h"
#include "protocol/transport_address.h"

namespace uturn {

/// Lives of a slot are counted modulo 2^30: id and family fit the 64 bits a socket can carry.
inline constexpr uint32_t kMaxGeneration = (1u << 30) - 1;

/// A slot of the allocation table, and which life of it.
struct AllocationId {
  uint32_t slot = UINT32_MAX;
  uint32_t generation = 0;
  friend bool operator==(const AllocationId&, const AllocationId&) = default;
};

/// What a relay socket knows of its owner: no look-up on the way from a peer.
struct RelayTag {
  AllocationId allocation;
  AddressFamily family{};
};

enum class SocketFailure : uint8_t {
  occupied,   ///< another process holds the port, or the address has gone: try another one
  exhausted,  ///< no descriptors, no memory, no such address
};

/// A socket that holds its port and is read by nobody: a reservation's. Plain, so that it can
/// change shards; whoever has it adopts or drops it.
struct HeldSocket {
  int handle = -1;
};

/// Asked by requests, never per packet. The shard implements it on its loop. No socket delivers
/// anything before begin_receiving(): nobody is permitted to send.
class RelaySockets {
 public:
  virtual ~RelaySockets() = default;
  virtual Result<SocketId, SocketFailure> open(const RelayedAddress& address, RelayTag tag) = 0;
  /// Once, with the first permission. What arrived before is discarded. False: the kernel has no
  /// room for it, and the socket stays as it was.
  virtual bool begin_receiving(SocketId id, const RelayedAddress& address) = 0;
  virtual void close(SocketId id) = 0;
  virtual Result<HeldSocket, SocketFailure> hold(const RelayedAddress& address) = 0;
  /// A failure closes it.
  virtual Result<SocketId, SocketFailure> adopt(HeldSocket socket, const RelayedAddress& address,
                                                RelayTag tag) = 0;
  virtual void drop(HeldSocket socket) = 0;
};

}  // namespace uturn
