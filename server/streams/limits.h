// Limits: a bound for what the stream connections of a shard keep. Each is watched by a counter.
#pragma once

#include <cstddef>
#include <cstdint>

namespace uturn {

// Fixed by the shape of the code; what the operator sets is in the configuration.
inline constexpr size_t kBlockSize = 4'096;
inline constexpr uint32_t kBlocksPerSlab = 64;       // asked of the heap at once
inline constexpr uint32_t kOutgoingBlocks = 16'384;  // 64 MiB a shard, for all of its slow clients
// 32 MiB a shard, for all frames that have come in part: a pool of their own, so that half messages
// cost nobody's queue a block.
inline constexpr uint32_t kIncomingBlocks = 8'192;
/// Of a client without an allocation: its request has to fit in one block, so that who sends half
/// messages and waits costs no more.
inline constexpr size_t kMaxFirstFrameSize = 4'000;

}  // namespace uturn
