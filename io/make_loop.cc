// The choice between the loops, by trying.
#include "io/make_loop.h"

#include "io/epoll_loop.h"
#include "io/uring_loop.h"

namespace uturn {

Result<IoChoice, std::string> choose_io(IoWish wish) {
  if (wish == IoWish::epoll) return IoChoice{IoKind::epoll, "epoll: as asked"};
  const auto uring = probe_uring();
  if (uring) {
    return IoChoice{IoKind::uring, "io_uring: multishot receive and provided buffers work"};
  }
  if (wish == IoWish::uring) return Failure{"io_uring cannot be used: " + uring.error()};
  return IoChoice{IoKind::epoll, "epoll: io_uring cannot be used: " + uring.error()};
}

std::unique_ptr<Loop> make_loop(IoKind kind, const LoopSettings& settings) {
  return kind == IoKind::uring ? make_uring_loop(settings) : make_epoll_loop(settings);
}

}  // namespace uturn
