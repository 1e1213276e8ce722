// Chooses and makes the loop this kernel can run.
#pragma once

#include <memory>
#include <string>

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

/// Null where the kernel refuses the descriptors or the memory a loop of this size needs.
std::unique_ptr<Loop> make_loop(IoKind kind, const LoopSettings& settings);

}  // namespace uturn
