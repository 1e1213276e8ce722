// SimulatedLoop: the loop contract on a virtual network.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "io/lent_buffers.h"
#include "io/loop.h"
#include "tests/simulation/world/simulated_streams.h"
#include "tests/simulation/world/virtual_network.h"

namespace uturn {

/// What the machine refuses, in a thousand opens.
struct SocketTrouble {
  uint32_t occupied = 0;  ///< another process holds the port
  uint32_t no_descriptors = 0;
};

class SimulatedLoop final : public Loop {
 public:
  SimulatedLoop(VirtualNetwork& network, const LoopSettings& settings);
  ~SimulatedLoop() override;

  void set_trouble(const SocketTrouble& trouble) {
    trouble_ = trouble;
    streams_.set_trouble(trouble.no_descriptors);
  }
  /// Which addresses this machine has; every one, unless it is said.
  void set_addresses(const std::function<bool(const IpAddress&)>& has) {
    has_address_ = has;
    streams_.set_addresses(has);
  }
  /// Has it anything to do without waiting? The scheduler of the simulation asks.
  bool is_ready() const {
    return woken_ || !waiting_.empty() || !errors_.empty() || !queued_.empty() ||
           streams_.is_ready();
  }
  size_t open_sockets() const { return sockets_.size(); }
  size_t open_streams() const { return streams_.open_streams(); }
  static size_t loose_sockets_left() { return loose_sockets().size(); }

  void start() override {}
  Result<SocketId, OpenError> open(const UdpSocketSpec& spec, uint64_t tag) override;
  Result<SocketId, OpenError> adopt(LooseSocket socket, const UdpSocketSpec& spec, uint64_t tag,
                                    bool discard_queued) override;
  LooseSocket detach(SocketId id) override;
  bool begin_receiving(SocketId id, const UdpSocketSpec& spec) override;
  void close_loose(LooseSocket socket) override;
  void close(SocketId id) override;
  TransportAddress local_address(SocketId id) const override;
  void send(const OutgoingDatagram& datagram) override;
  MutableBytes lend(size_t size) override;
  Streams& streams() override { return streams_; }
  void run_pass(LoopHandler& handler, Instant wake_at) override;
  void flush() override;
  Now now() const override { return network_.now(); }
  void wake() override { woken_ = true; }
  const LoopCounters& counters() const override { return counters_; }
  std::string_view name() const override { return "simulated"; }

 private:
  /// What a socket holds before it drops, by bytes, as the kernel's receive buffer.
  struct Queue {
    std::deque<VirtualDatagram> datagrams;
    size_t bytes = 0;
    size_t limit = 0;
    uint64_t drops = 0;
    void push(const VirtualDatagram& datagram);
    VirtualDatagram pop();
  };
  struct Socket {
    TransportAddress address;
    uint64_t tag = 0;
    uint32_t generation = 0;
    bool receives = true;
    bool takes_large = false;  ///< a listener, or a datagram was truncated once
    Queue queue;
  };
  struct Loose {  ///< a detached socket goes on collecting, as the kernel's would
    TransportAddress address;
    Queue queue;
  };
  /// Sockets between loops, by handle; of the whole network.
  static std::map<int, std::unique_ptr<Loose>>& loose_sockets();

  Socket* find(SocketId id);
  Result<SocketId, OpenError> bind(const UdpSocketSpec& spec, uint64_t tag);
  uint32_t take_slot();
  void arrive(SocketId id, const VirtualDatagram& datagram);
  Queue remove(SocketId id);
  void deliver_batch(LoopHandler& handler);
  std::optional<VirtualDatagram> take_next(SocketId& from);

  VirtualNetwork& network_;
  LoopSettings settings_;
  SocketTrouble trouble_;
  std::function<bool(const IpAddress&)> has_address_ = [](const IpAddress&) { return true; };
  std::map<uint32_t, Socket> sockets_;  ///< open ones, by slot
  std::vector<uint32_t> generations_;
  std::vector<uint32_t> free_slots_;  ///< were open once
  std::deque<SocketId> waiting_;      ///< sockets with something queued, each once, in turn
  std::vector<ReceivedDatagram> batch_;
  std::deque<IcmpError> errors_;
  std::vector<VirtualDatagram> queued_;
  LentBuffers lent_;
  LoopCounters counters_;
  SimulatedStreams streams_;
  bool woken_ = false;
};

}  // namespace uturn
