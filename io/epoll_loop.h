// EpollLoop: the loop on epoll, recvmmsg and sendmmsg, for kernels and containers without io_uring.
#pragma once

#include <memory>

#include "io/loop.h"

namespace uturn {

/// Null where no descriptors are left.
std::unique_ptr<Loop> make_epoll_loop(const LoopSettings& settings);

}  // namespace uturn
