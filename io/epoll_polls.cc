// Watching streams by EPOLLET: one call for each when it comes, and none while it lives.
#include "io/epoll_polls.h"

#include <poll.h>
#include <unistd.h>

namespace uturn {
namespace {

static_assert(EPOLLIN == POLLIN && EPOLLOUT == POLLOUT && EPOLLERR == POLLERR &&
                  EPOLLHUP == POLLHUP && EPOLLRDHUP == POLLRDHUP,
              "epoll's events are handed on as poll's");

}  // namespace

EpollPolls::~EpollPolls() { ::close(epoll_); }

bool EpollPolls::watch(SocketId id, int fd) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.u64 = uint64_t{id.generation} << 32 | id.slot;
  return ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0;
}

void EpollPolls::unwatch(SocketId, int fd) { ::epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr); }

void EpollPolls::collect(StreamSockets& streams) {
  const int count = ::epoll_wait(epoll_, events_.data(), static_cast<int>(events_.size()), 0);
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events_[static_cast<size_t>(i)];
    const auto word = uint64_t{event.data.u64};
    streams.on_ready({static_cast<uint32_t>(word), static_cast<uint32_t>(word >> 32)},
                     event.events);
  }
}

}  // namespace uturn
