// Shard: one core's world: a loop, a relay, and the short way between them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "auth/authenticator.h"
#include "auth/peer_policy.h"
#include "auth/quota.h"
#include "auth/random.h"
#include "io/loop.h"
#include "server/relay/relay.h"
#include "server/shard_channel.h"
#include "server/shard_events.h"
#include "server/shortcut_rings.h"

namespace uturn {

/// What all shards share; touched by requests only, but for the held ports, which are read, and
/// the rings, each of which is one pair's.
struct SharedWorld {
  const PeerPolicy& policy;
  QuotaLedger& quota;
  RelayPorts& ports;
  ShardChannel& channel;
  ShardEvents& events;
  ShortcutRings& shortcuts;
};

struct ShardSettings {
  RelaySettings relay;
  UdpSocketSpec relay_socket;          ///< address left open
  bool reports_auth_failures = false;  ///< the log wants them (debug)
};

/// Life of a datagram: on_datagrams -> Relay -> carry_out -> Loop::send, in the same buffer.
///
/// On cache lines of its own, as its loop is: no shard writes, per packet, what another one reads.
class alignas(64) Shard final : LoopHandler, RelaySockets, AnswerSpace, OtherShards, RelayObserver {
 public:
  Shard(ShardSettings settings, SharedWorld world, std::unique_ptr<Authenticator> authenticator,
        std::unique_ptr<Random> random, std::unique_ptr<Loop> loop);
  ~Shard() override;

  /// A listener's socket of this shard, before start(): bound, not yet read. `discard_queued`: what
  /// came while the group was being bound may belong to another shard.
  Result<SocketId, OpenError> listen(LooseSocket socket, const UdpSocketSpec& spec,
                                     const ServerAddress& address);
  /// The same where the loop opens the socket itself: the simulation.
  Result<SocketId, OpenError> listen(const UdpSocketSpec& spec);

  void run();    ///< the thread's body: passes until StopShard, then everything is closed
  void start();  ///< run() in single steps: start, pass …, close
  void pass(Instant wake_at);
  bool is_stopping() const { return stopping_; }
  void close();
  /// Once more when every shard has closed: one that closed later may have answered us.
  void discard_messages();
  void wake() { loop_->wake(); }

  // For the thread itself, or after it has ended.
  const RelayCounters& relay_counters() const { return relay_.counters(); }
  const LoopCounters& loop_counters() const { return loop_->counters(); }
  const ShortcutCounters& shortcut_counters() const { return shortcut_counters_; }
  const Relay& relay() const { return relay_; }

 private:
  void on_datagrams(std::span<ReceivedDatagram> batch) override;
  void on_icmp_error(const IcmpError& error) override;
  void on_wake() override;

  Result<SocketId, SocketFailure> open(const RelayedAddress& address, RelayTag tag) override;
  void close(SocketId id) override { loop_->close(id); }
  Result<HeldSocket, SocketFailure> hold(const RelayedAddress& address) override;
  Result<SocketId, SocketFailure> adopt(HeldSocket socket, const RelayedAddress& address,
                                        RelayTag tag) override;
  void drop(HeldSocket socket) override { loop_->close_loose({socket.handle}); }

  MutableBytes lend(size_t size) override { return loop_->lend(size); }
  bool ask_for_reservation(uint8_t shard, uint64_t token, std::string_view username,
                           PendingId waiting) override;
  void expect_shortcuts_to(uint8_t shard) override;

  void on_peer_denied(const PeerDecision& decision) override;
  void on_auth_failure(AuthFailure why, const ClientAddress& client) override;
  void on_ports_exhausted(AddressFamily family) override;

  void carry_out(const ReceivedDatagram& datagram, const Outcome& outcome);
  void answer(const Arrival& arrival, const Answer& answer);
  void carry_out(const Forward& forward);
  void carry_out(const std::optional<Resumed>& resumed);
  void carry_out(const Shortcut& shortcut);
  void wake_others();
  bool take_shortcuts();
  void release_shortcuts();
  void handle(ShardMessage message);
  UdpSocketSpec relay_socket_at(const RelayedAddress& address) const;

  ShardSettings settings_;
  SharedWorld world_;
  std::unique_ptr<Authenticator> authenticator_;
  std::unique_ptr<Random> random_;
  std::unique_ptr<Loop> loop_;
  Relay relay_;
  Now now_;
  std::vector<ServerAddress> listeners_;  ///< by tag
  std::vector<SocketId> listener_sockets_;
  std::vector<AddressRange> denied_;  ///< told already
  Instant next_exhausted_event_{};
  uint64_t to_wake_ = 0;  ///< shards, by bit, that were handed a datagram in this batch
  uint8_t first_served_ = 0;
  bool has_taken_shortcuts_ = false;
  ShortcutCounters shortcut_counters_;
  bool stopping_ = false;
};
static_assert(kMaxShards <= 64, "a bit for each");

}  // namespace uturn
