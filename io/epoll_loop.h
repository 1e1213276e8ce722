// EpollLoop: the loop on epoll, recvmmsg and sendmmsg, for kernels and containers without io_uring.
#pragma once

#include <memory>
#include <string>

#include "io/loop.h"

namespace uturn {

/// The error names the call that the kernel refused.
Result<std::unique_ptr<Loop>, std::string> try_epoll_loop(const LoopSettings& settings);
/// The same; null where no descriptors are left.
std::unique_ptr<Loop> make_epoll_loop(const LoopSettings& settings);

}  // namespace uturn
