// SimulatedLoop: the loop contract on a virtual network.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "io/lent_buffers.h"
#include "io/loop.h"
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

  void set_trouble(const SocketTrouble& trouble) { trouble_ = trouble; }
  /// Has it anything to do without waiting? The scheduler of the simulation asks.
  bool is_ready() const {
    return woken_ || !arrived_.empty() || !errors_.empty() || !queued_.empty();
  }
  size_t open_sockets() const { return sockets_.size(); }
  static size_t loose_sockets_left() { return loose_sockets().size(); }

  void start() override {}
  Result<SocketId, OpenError> open(const UdpSocketSpec& spec, uint64_t tag) override;
  Result<SocketId, OpenError> adopt(LooseSocket socket, const UdpSocketSpec& spec, uint64_t tag,
                                    bool discard_queued) override;
  LooseSocket detach(SocketId id) override;
  void close_loose(LooseSocket socket) override;
  void close(SocketId id) override;
  TransportAddress local_address(SocketId id) const override;
  void send(const OutgoingDatagram& datagram) override;
  MutableBytes lend(size_t size) override;
  void run_pass(LoopHandler& handler, Instant wake_at) override;
  void flush() override;
  Now now() const override { return network_.now(); }
  void wake() override { woken_ = true; }
  const LoopCounters& counters() const override { return counters_; }
  std::string_view name() const override { return "simulated"; }

 private:
  struct Socket {
    TransportAddress address;
    uint64_t tag = 0;
    uint32_t generation = 0;
    bool is_open = false;
    SocketKind kind{};
    bool shares = false;
  };
  struct Arrived {
    SocketId socket;
    VirtualDatagram datagram;
  };
  struct Loose {  ///< a detached socket goes on collecting, as the kernel's would
    TransportAddress address;
    std::deque<VirtualDatagram> queued;
  };
  /// Sockets between loops, by handle; of the whole network.
  static std::map<int, std::unique_ptr<Loose>>& loose_sockets();

  bool is_current(SocketId id) const;
  Result<SocketId, OpenError> bind(const UdpSocketSpec& spec, uint64_t tag);
  void deliver_batch(LoopHandler& handler);

  VirtualNetwork& network_;
  LoopSettings settings_;
  SocketTrouble trouble_;
  std::map<uint32_t, Socket> sockets_;  ///< open ones, by slot
  std::vector<uint32_t> generations_;
  std::deque<Arrived> arrived_;
  std::deque<IcmpError> errors_;
  std::vector<VirtualDatagram> queued_;
  LentBuffers lent_;
  LoopCounters counters_;
  bool woken_ = false;
};

}  // namespace uturn
