// UringLoop as its own source file sees it; everybody else takes it as a Loop.
#pragma once

#include <unistd.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "io/batch_wait.h"
#include "io/busy_peers.h"
#include "io/clock.h"
#include "io/lent_buffers.h"
#include "io/socket_table.h"
#include "io/stream_sockets.h"
#include "io/udp_socket.h"
#include "io/uring_polls.h"
#include "io/uring_receiver.h"
#include "io/uring_ring.h"
#include "io/uring_sender.h"

namespace uturn {

class alignas(64) UringLoop final : public Loop, StreamPoller {
 public:
  static Result<std::unique_ptr<UringLoop>, std::string> create(const LoopSettings& settings);
  ~UringLoop() override;

  void start() override;
  Result<SocketId, OpenError> open(const UdpSocketSpec& spec, uint64_t tag) override;
  Result<SocketId, OpenError> adopt(LooseSocket socket, const UdpSocketSpec& spec, uint64_t tag,
                                    bool discard_queued) override;
  LooseSocket detach(SocketId id) override;
  bool begin_receiving(SocketId id, const UdpSocketSpec& spec) override;
  void close_loose(LooseSocket socket) override { ::close(socket.handle); }
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
  std::string_view name() const override { return "io_uring"; }

 private:
  explicit UringLoop(const LoopSettings& settings);

  bool watch(SocketId stream, int fd) override;
  void unwatch(SocketId stream, int fd) override;

  OpenSocket* find(SocketId id);
  Result<SocketId, OpenError> add(UdpSocket socket, const UdpSocketSpec& spec, uint64_t tag);
  std::optional<SocketId> watch(UdpSocket socket, OpenSocket as);
  void stop_receiving(SocketId id);
  void wait(Instant wake_at);
  Duration time_until(Instant wake_at) const;
  void spin(Instant wake_at);
  void sleep(Duration left);
  void arm_wake();
  bool has_work() const;
  size_t found() const { return receiver_.arrived() + streams_.ready(); }
  uint64_t collect();
  void on_completions_lost();
  void give_up_lost_sends();
  void send_unfragmented(const OpenSocket& socket, const OutgoingDatagram& datagram);
  void close_twin(SocketId owner);
  void close_socket(SocketId id);
  void read_error_queues();
  void take_errors(SocketId id);
  void move_outgrown();
  void hand_over(LoopHandler& handler);

  const LoopSettings settings_;
  Clock clock_;
  BatchWait batch_wait_;
  LoopCounters counters_;
  SocketTable sockets_;
  UringReceiver receiver_;
  UringSender sender_;
  BusyPeers busy_peers_;
  UringPolls polls_;
  StreamSockets streams_;
  std::unique_ptr<Ring> ring_;  ///< goes before the buffers it was told of
  LentBuffers lent_;
  Instant pass_began_{};
  std::thread::id owner_{};

  std::vector<IcmpError> errors_;  ///< read, and not yet handed over
  std::vector<IcmpError> errors_handed_over_;

  int wake_fd_;
  uint64_t wake_count_ = 0;  ///< where the kernel puts the eventfd's value
  bool wake_armed_ = false;
  bool woken_ = false;
  std::atomic<bool> wake_under_way_ = false;
};

}  // namespace uturn
