// The choice between the loops, by trying.
#include "io/make_loop.h"

#include "io/epoll_loop.h"
#include "io/uring_loop.h"

namespace uturn {
namespace {

Result<ShardLoops, std::string> make_all(IoKind kind, const LoopSettings& settings, size_t shards) {
  ShardLoops made{kind, {}, {}};
  while (made.loops.size() < shards) {
    auto loop = try_make_loop(kind, settings);
    if (!loop) {
      return Failure{(kind == IoKind::uring ? "io_uring" : "epoll") + std::string(" for worker ") +
                     std::to_string(made.loops.size() + 1) + " of " + std::to_string(shards) +
                     ": " + loop.error()};
    }
    made.loops.push_back(std::move(*loop));
  }
  return made;
}

}  // namespace

Result<IoChoice, std::string> choose_io(IoWish wish) {
  if (wish == IoWish::epoll) return IoChoice{IoKind::epoll, "epoll: as asked"};
  const auto uring = probe_uring();
  if (uring) {
    return IoChoice{IoKind::uring, "io_uring: multishot receive and provided buffers work"};
  }
  if (wish == IoWish::uring) return Failure{"io_uring cannot be used: " + uring.error()};
  return IoChoice{IoKind::epoll, "epoll: io_uring cannot be used: " + uring.error()};
}

Result<std::unique_ptr<Loop>, std::string> try_make_loop(IoKind kind,
                                                         const LoopSettings& settings) {
  return kind == IoKind::uring ? try_uring_loop(settings) : try_epoll_loop(settings);
}

Result<ShardLoops, std::string> make_shard_loops(IoWish wish, IoKind chosen,
                                                 const LoopSettings& settings, size_t shards) {
  auto made = make_all(chosen, settings, shards);
  if (made || chosen == IoKind::epoll || wish != IoWish::automatic) return made;
  auto instead = make_all(IoKind::epoll, settings, shards);
  if (instead) instead->fell_back_because = made.error();
  return instead;
}

}  // namespace uturn
