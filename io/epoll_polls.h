// EpollPolls: the streams of an epoll loop, watched by an epoll of their own inside the loop's.
#pragma once

#include <sys/epoll.h>

#include <vector>

#include "io/stream_sockets.h"

namespace uturn {

/// So streams have their share of a pass, and however many are ready, they push no datagram socket
/// out of what one wait returns.
///
///   the loop's epoll ──┬── wake event
///                      ├── datagram sockets
///                      └── this one ──┬── listeners, edges
///                                     └── streams, edges
class EpollPolls final : public StreamPoller {
 public:
  /// Owns `epoll`. `most`: sockets heard of in one pass.
  EpollPolls(int epoll, uint32_t most) : epoll_(epoll), events_(most) {}
  ~EpollPolls() override;

  bool watch(SocketId id, int fd) override;
  void unwatch(SocketId id, int fd) override;
  int fd() const { return epoll_; }

  /// Tells `streams` who became ready, without waiting.
  void collect(StreamSockets& streams);

 private:
  int epoll_;
  std::vector<epoll_event> events_;
};

}  // namespace uturn
