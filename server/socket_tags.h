// The tags of a shard's sockets: who hears of them.
#pragma once

#include <cstdint>

#include "protocol/bytes.h"
#include "server/relay/relay_sockets.h"

namespace uturn {

// A listener's index, or the owner of a relay socket, or of a TCP listener for peers:
//
//   63      62      61 … 32      31 … 0
//   relay   IPv6    generation   slot
inline constexpr uint64_t kRelayBit = uint64_t{1} << 63;
inline constexpr uint64_t kIpv6Bit = uint64_t{1} << 62;

inline uint64_t pack(RelayTag tag) {
  CHECK(tag.allocation.generation <= kMaxGeneration);
  return kRelayBit | (tag.family == AddressFamily::ipv6 ? kIpv6Bit : 0) |
         uint64_t{tag.allocation.generation} << 32 | tag.allocation.slot;
}

inline RelayTag unpack(uint64_t tag) {
  return {{static_cast<uint32_t>(tag), static_cast<uint32_t>(tag >> 32) & kMaxGeneration},
          (tag & kIpv6Bit) != 0 ? AddressFamily::ipv6 : AddressFamily::ipv4};
}

/// Of a connection. Which one it is, its socket's id says.
enum class StreamRole : uint64_t {
  none,           ///< accepted in this batch
  client,         ///< ClientStreams
  peer,           ///< PeerStreams: a peer's, of a TCP allocation
  joined_client,  ///< PeerStreams: a client's, which carries a peer's bytes
};

}  // namespace uturn
