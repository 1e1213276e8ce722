// SimulatedStreams: the contract of io/streams.h on a virtual network.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "io/loop.h"
#include "tests/simulation/world/stream_network.h"

namespace uturn {

/// Strict where the contract leaves a choice: an edge is told once and not again before the socket
/// said would_block, so that a handler which relies on more hangs here.
class SimulatedStreams final : public Streams {
 public:
  SimulatedStreams(VirtualNetwork& network, const LoopSettings& settings, LoopCounters& counters);
  ~SimulatedStreams() override;

  /// Which addresses this machine has, and how many accepts in a thousand find no descriptor.
  void set_addresses(std::function<bool(const IpAddress&)> has) { has_address_ = std::move(has); }
  void set_trouble(uint32_t no_descriptors) { no_descriptors_ = no_descriptors; }

  bool is_ready() const { return !waiting_.empty() || !accepting_.empty(); }
  /// One pass' connections and events.
  void deliver(LoopHandler& handler);
  size_t open_streams() const { return open_; }

  Result<SocketId, StreamError> listen(const StreamSpec& spec, uint64_t tag) override;
  Result<SocketId, StreamError> adopt_listener(LooseSocket listener, uint64_t tag) override;
  void pause_accepting(SocketId listener) override;
  void resume_accepting(SocketId listener) override;
  Result<SocketId, StreamError> connect(const StreamSpec& from, const TransportAddress& to,
                                        uint64_t tag) override;
  LooseSocket detach(SocketId id) override;
  Result<SocketId, StreamError> adopt(LooseSocket stream, uint64_t tag) override;
  void set_tag(SocketId id, uint64_t tag) override;
  TransportAddress local_address(SocketId id) const override;
  TransportAddress remote_address(SocketId id) const override;
  Result<size_t, StreamError> read(SocketId id, MutableBytes into) override;
  Result<size_t, StreamError> write(SocketId id, std::span<const Bytes> pieces) override;
  StreamError error(SocketId id) override;
  void remind(SocketId id) override;
  void end_writing(SocketId id) override;
  void reset_on_close(SocketId id) override;
  void close(SocketId id) override;

 private:
  struct Stream {
    uint64_t in_network = 0;  ///< its number there; 0: this slot is free
    uint32_t generation = 0;
    uint64_t tag = 0;
    bool is_listener = false;
    bool is_paused = false;
    bool is_resting = false;  ///< no descriptor was left
    bool resets_on_close = false;
    bool is_waiting = false;  ///< in waiting_ or accepting_
    StreamChange news;        ///< not told yet
    StreamChange told;        ///< and no would_block since
  };
  const Stream* find(SocketId id) const;
  Stream* find(SocketId id) {
    return const_cast<Stream*>(static_cast<const SimulatedStreams*>(this)->find(id));
  }
  bool is_full() const { return open_ == settings_.max_streams; }
  SocketId add(uint64_t in_network, uint64_t tag, bool is_listener);
  void remove(SocketId id);
  void watch(SocketId id);
  void on_change(SocketId id, const StreamChange& change);
  void on_connection(SocketId listener);
  void accept_some();
  void take_events();

  VirtualNetwork& network_;
  StreamNetwork& streams_;
  const LoopSettings settings_;
  LoopCounters& counters_;
  std::function<bool(const IpAddress&)> has_address_ = [](const IpAddress&) { return true; };
  uint32_t no_descriptors_ = 0;
  std::vector<Stream> table_;
  std::vector<uint32_t> free_;
  size_t open_ = 0;
  std::deque<SocketId> waiting_;    ///< streams with news, each once, in turn
  std::deque<SocketId> accepting_;  ///< listeners likewise
  std::vector<AcceptedStream> accepted_;
  std::vector<StreamEvent> events_;
  std::shared_ptr<bool> lives_ = std::make_shared<bool>(true);  ///< for timers that outlive this
};

}  // namespace uturn
