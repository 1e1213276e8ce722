// UringLoop: the loop on io_uring, with multishot receives into provided buffers and batched sends.
#pragma once

#include <memory>
#include <string>

#include "io/loop.h"

namespace uturn {

/// The error names the call that the kernel refused.
Result<std::unique_ptr<Loop>, std::string> try_uring_loop(const LoopSettings& settings);
/// The same; null where the kernel refuses a ring of this size although probe_uring() got one.
std::unique_ptr<Loop> make_uring_loop(const LoopSettings& settings);

/// Makes a small loop and lets a datagram pass through it over loopback: whatever seccomp, sysctl
/// kernel.io_uring_disabled or an old kernel forbids is found by trying. The error says what
/// failed.
Result<Done, std::string> probe_uring();

}  // namespace uturn
