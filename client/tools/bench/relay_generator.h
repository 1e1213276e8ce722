// RelayGenerator: one thread of the load generator, its clients on one side of the server and its
// peers on the other.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "auth/random.h"
#include "client/tools/bench/generator_sockets.h"
#include "client/tools/bench/pacing.h"
#include "client/tools/bench/relay_clients.h"
#include "client/tools/bench/relay_counts.h"
#include "client/tools/bench/relay_flow.h"
#include "io/loop.h"

namespace uturn {

/// What all threads of a run share; written before they start, but for `relayed`.
struct RelayRun {
  BenchOptions options;
  BenchServer server;
  SocketPlace clients{};
  SocketPlace peers{};
  std::atomic<uint64_t> ready{0};    ///< allocations, for the progress bar
  std::atomic<uint64_t> relayed{0};  ///< packets, likewise
};

/// The measured part of a run, and its beginning.
struct RelayTimes {
  Instant start{};
  Instant measure_from{};
  Instant end{};
};

class RelayGenerator final : public LoopHandler, ClientListener {
 public:
  /// `allocations` of the run's are this thread's.
  RelayGenerator(std::unique_ptr<Loop> loop, RelayRun& run, uint32_t allocations);
  static LoopSettings loop_settings(const BenchOptions& options, Transport transport,
                                    uint32_t allocations);

  // In the thread that owns it, in this order.
  Result<Done, std::string> open_sockets();
  /// As many allocations as the server gives; none is no success. The error is for people.
  Result<Done, std::string> set_up();
  void relay(const RelayTimes& times);
  void release();

  const RelayClients& clients() const { return *clients_; }
  const RelayCounts& counts() const { return counts_; }
  /// What its first connection agreed on; null without TLS.
  const ConnectionSecurity* security() const {
    return connections_ ? connections_->security() : nullptr;
  }

 private:
  void on_datagrams(std::span<ReceivedDatagram> batch) override;
  void on_icmp_error(const IcmpError& error) override;
  void on_wake() override {}
  void on_stream_events(std::span<const StreamEvent> events) override;
  void on_client_frame(size_t client, MutableBytes frame, Now now) override;
  void on_client_gone(size_t client, const ConnectionEnd& end, Now now) override;

  Result<Done, std::string> open_clients();
  void run_pass(Instant wake_at);

  void make_flows();
  void add_flow(size_t client, size_t peer, bool to_client);

  void send_closed_loop(Now now);
  void send_open_loop(Now now);
  void send_turn(const Turn& turn);
  void send_packet(uint32_t flow, uint32_t payload, Instant time);
  Instant next_wake(Now now) const;
  void drain();
  void take_generator_drops();

  void on_client_datagram(const ReceivedDatagram& datagram, Now now);
  void on_peer_datagram(const ReceivedDatagram& datagram, Now now);
  void on_payload(Bytes payload, uint64_t tag, Now now);
  void on_arrival(RelayFlow& flow, const PayloadStamp& stamp, size_t size, Now now);
  void on_return(RelayFlow& flow, const PayloadStamp& stamp, size_t size, Now now);
  bool is_measured(Instant time) const { return time >= times_.measure_from && time < times_.end; }
  bool is_new(SequenceWindow& window, const PayloadStamp& stamp);

  RelayRun& run_;
  const BenchOptions& options_;
  std::unique_ptr<Loop> loop_;
  CsprngRandom random_;
  uint32_t allocations_;
  std::unique_ptr<ClientConnections> connections_;  ///< null over UDP
  std::unique_ptr<RelayClients> clients_;
  const bool is_forwarder_;  ///< at the other end: no headers
  std::vector<SocketId> peer_sockets_;

  uint32_t run_id_;
  uint32_t flows_per_allocation_;
  std::vector<RelayFlow> flows_;  ///< of an allocation side by side
  std::vector<uint8_t> filler_;   ///< of every payload behind the stamp
  std::vector<uint8_t> arena_;    ///< headers and stamps of one pass
  uint32_t arena_slots_;
  uint32_t arena_used_ = 0;

  RelayTimes times_{};
  OutstandingWindow outstanding_;
  std::optional<OpenLoopPacer> pacer_;
  uint32_t next_turn_ = 0;
  uint64_t begun_ = 0;     ///< packets, warm-up included
  uint64_t finished_ = 0;  ///< that arrived where they end, likewise
  RelayCounts counts_;
};

}  // namespace uturn
