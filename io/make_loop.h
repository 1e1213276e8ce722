// Chooses and makes the loops this kernel can run.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "io/loop.h"

namespace uturn {

enum class IoWish : uint8_t { automatic, uring, epoll };
enum class IoKind : uint8_t { uring, epoll };

/// What was chosen and why, for the one log line: "io_uring: multishot receive and provided buffers
/// work".
struct IoChoice {
  IoKind kind{};
  std::string reason;
};

/// Tries a real ring with every feature we use (a receive over loopback included): seccomp, sysctl
/// kernel.io_uring_disabled and old kernels are all found by trying. A wish for uring that cannot
/// be met is an error.
Result<IoChoice, std::string> choose_io(IoWish wish);

/// The error names the call that the kernel refused: the descriptors or the memory that a loop of
/// this size needs.
Result<std::unique_ptr<Loop>, std::string> try_make_loop(IoKind kind, const LoopSettings& settings);

/// The loops of all shards, of one kind.
struct ShardLoops {
  IoKind kind{};
  std::vector<std::unique_ptr<Loop>> loops;  ///< one per shard, in order
  std::string fell_back_because;             ///< empty: they are of the kind that was chosen
};

/// choose_io() tried a small ring, and the real ones may still be refused: then, if nobody insisted
/// on io_uring, all are epoll.
Result<ShardLoops, std::string> make_shard_loops(IoWish wish, IoKind chosen,
                                                 const LoopSettings& settings, size_t shards);

}  // namespace uturn
