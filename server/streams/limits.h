// Limits: a bound for what the stream connections of a shard keep. Each is watched by a counter.
#pragma once

#include <cstddef>
#include <cstdint>

#include "protocol/time.h"

namespace uturn {

/// Set by the operator (`limits:` of the configuration).
struct StreamLimits {
  size_t queue_bytes = 256 * 1024;    ///< waiting for one slow client, headers and padding included
  Duration queue_age = 1s;            ///< older data is of no use to a call
  uint32_t outgoing_blocks = 16'384;  ///< 64 MiB a shard, for all of its slow clients
  uint32_t incoming_blocks = 8'192;   ///< 32 MiB a shard, for all frames that have come in part
};

// Fixed by the shape of the code.
inline constexpr size_t kBlockSize = 4'096;
inline constexpr uint32_t kBlocksPerSlab = 64;  // asked of the heap at once
/// Of a client without an allocation: its request has to fit in one block, so that who sends half
/// messages and waits costs no more.
inline constexpr size_t kMaxFirstFrameSize = 4'000;

}  // namespace uturn
