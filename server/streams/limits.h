// Limits: a bound for what the stream connections of a shard keep. Each is watched by a counter.
#pragma once

#include <cstddef>
#include <cstdint>

#include "protocol/time.h"

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

inline constexpr size_t kReadSize = 16'384;   // asked of a stream at once: a TLS record's plaintext
inline constexpr uint32_t kReadsPerTurn = 4;  // of one stream, until others have had theirs
inline constexpr size_t kReadBytesPerPass = 1'048'576;  // of all; the rest is for the next pass
inline constexpr size_t kReadAreaSize = 262'144;        // what is read lies here until it was sent
inline constexpr uint32_t kFramesPerReadArea = 1'024;
inline constexpr size_t kPiecesPerFlush = 64;  // of one write, and of one TLS record
inline constexpr uint32_t kTimeoutsPerPass = 256;
// Joined connections that wait for bandwidth: so many are looked after at once, and how often. All
// that passes in between fits in a bucket (Rate: a quarter of a second).
inline constexpr uint32_t kCreditsPerRound = 256;
inline constexpr std::chrono::milliseconds kCreditRound{20};
/// How long a connection that we end is kept for the client to end it too: what it still sends
/// would otherwise reset it, and our last words with it (RFC 9112, Section 9.6).
inline constexpr std::chrono::seconds kFarewell{2};

}  // namespace uturn
