// EpollLoop as its own source file sees it; everybody else takes it as a Loop.
#pragma once

#include <unistd.h>

#include <atomic>
#include <optional>
#include <vector>

#include "io/batch_wait.h"
#include "io/busy_peers.h"
#include "io/clock.h"
#include "io/datagram_reader.h"
#include "io/epoll_polls.h"
#include "io/lent_buffers.h"
#include "io/send_runs.h"
#include "io/udp_socket.h"

namespace uturn {

class alignas(64) EpollLoop : public Loop {
 public:
  /// Owns the descriptors: two epolls, the streams' within the loop's, and an eventfd.
  EpollLoop(const LoopSettings& settings, int epoll, int stream_epoll, int wake_event);
  ~EpollLoop() override;

  void start() override;
  Result<SocketId, OpenError> open(const UdpSocketSpec& spec, uint64_t tag) override;
  Result<SocketId, OpenError> adopt(LooseSocket loose, const UdpSocketSpec& spec, uint64_t tag,
                                    bool discard_queued) override;
  LooseSocket detach(SocketId id) override;
  bool begin_receiving(SocketId id, const UdpSocketSpec& spec) override;
  void close_loose(LooseSocket loose) override { ::close(loose.handle); }
  void close(SocketId id) override;
  TransportAddress local_address(SocketId id) const override;

  void send(const OutgoingDatagram& datagram) override;
  MutableBytes lend(size_t size) override;
  Streams& streams() override { return streams_; }
  void run_pass(LoopHandler& handler, Instant wake_at) override;
  void flush() override;

  Now now() const override { return clock_.now(); }
  void wake() override;
  const LoopCounters& counters() const override { return counters_; }
  std::string_view name() const override { return "epoll"; }

 private:
  // How many datagrams one ready socket may read in this pass.
  struct Shares {
    uint32_t listener = 0;
    uint32_t relay = 0;
  };

  Result<SocketId, OpenError> add(UdpSocket socket, const UdpSocketSpec& spec, uint64_t tag);
  std::optional<SocketId> watch(UdpSocket socket, OpenSocket as);
  bool watch(SocketId id, int fd);
  std::span<const epoll_event> wait(Instant until);
  void gather(Instant until);
  int spin(Instant until);
  int wait_for(Instant until);
  int wait_finely(Duration rest);
  void read(std::span<const epoll_event> events);
  Shares shares_of(std::span<const epoll_event> events);
  void read_errors(SocketId id, const OpenSocket& socket);
  void hand_over(LoopHandler& handler);
  bool take_wakes();

  size_t send_runs_from(size_t first);
  void send_singly(const SendRun& run);
  void count_dropped(SendFate fate, uint64_t datagrams);
  void send_unfragmented(const OpenSocket& socket, const OutgoingDatagram& datagram);
  void close_twin(SocketId owner);

  LoopSettings settings_;
  int epoll_;
  int wake_event_;
  Clock clock_;
  BatchWait batch_wait_;
  Instant pass_time_;  ///< as of this pass: near enough for what is remembered for a minute
  LoopCounters counters_;
  SocketTable sockets_;
  DatagramReader reader_;
  SendQueue queue_;
  BusyPeers busy_peers_;
  EpollPolls polls_;
  StreamSockets streams_;
  LentBuffers lent_;
  std::vector<epoll_event> events_;
  std::vector<IcmpError> errors_;
  size_t errors_read_ = 0;
  size_t turn_ = 0;  ///< which of the ready sockets is read first
  bool was_woken_ = false;
  bool has_fine_wait_ = true;                 ///< epoll_pwait2, until it was refused
  std::atomic<bool> wake_under_way_ = false;  ///< spares the callers of wake() the system call
};

}  // namespace uturn
