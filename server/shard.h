// Shard: one core's world: a loop, a relay, and the short way between them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "auth/peer_policy.h"
#include "auth/quota.h"
#include "auth/random.h"
#include "auth/realms.h"
#include "io/loop.h"
#include "server/client_streams.h"
#include "server/dtls_clients.h"
#include "server/peer_streams.h"
#include "server/proxied_clients.h"
#include "server/relay/relay.h"
#include "server/shard_channel.h"
#include "server/shard_events.h"
#include "server/shard_meter.h"
#include "server/shortcut_rings.h"

namespace uturn {

/// What all shards share; touched by requests only, but for the held ports, which are read, and
/// the rings, each of which is one pair's.
struct SharedWorld {
  QuotaLedger& quota;
  RelayPorts& ports;
  ShardChannel& channel;
  ShardEvents& events;
  ShortcutRings& shortcuts;
  RelayPorts& tcp_ports;  ///< of TCP allocations
  ConnectionLimits& connections;
};

struct ShardSettings {
  RelaySettings relay;
  UdpSocketSpec relay_socket;  ///< address left open
  StreamSettings streams{};    ///< its `proxies` announce clients of datagrams, too
  DtlsSettings dtls{};
};

/// Life of a datagram: on_datagrams -> Relay -> carry_out -> Loop::send, in the same buffer.
/// Life of a stream's frame: ClientStreams -> on_frame -> Relay -> carry_out, and the other way
/// round carry_out -> ClientStreams::send; the connections are written to when the pass ends.
/// What a proxy or DTLS has wrapped up goes by on_wrapped -> DtlsClients -> on_dtls_message ->
/// Relay, and the other way round carry_out -> DtlsClients::send -> Loop::send.
///
/// On cache lines of its own, as its loop is: no shard writes, per packet, what another one reads.
class alignas(64) Shard final : LoopHandler,
                                RelaySockets,
                                AnswerSpace,
                                OtherShards,
                                RelayObserver,
                                ClientHandler,
                                PeerHandler,
                                DtlsHandler {
 public:
  Shard(ShardSettings settings, SharedWorld world, std::unique_ptr<const Realms> realms,
        std::unique_ptr<Random> random, std::unique_ptr<Loop> loop);
  ~Shard() override;

  /// A listener's socket of this shard, before start(): bound, not yet read. `discard_queued`: what
  /// came while the group was being bound may belong to another shard.
  Result<SocketId, OpenError> listen(LooseSocket socket, const UdpSocketSpec& spec,
                                     const ServerAddress& address,
                                     TakesPlain plain = TakesPlain::yes, RealmId realm = kAnyRealm);
  // On its own thread: what an operator does.
  void drain(bool on);
  bool kick(AllocationId allocation) { return relay_.kick(allocation); }
  /// Other settings of the relay and of connections from here on; calls go on.
  void reload(ShardSettings settings);
  /// Other realms, users and peers, likewise.
  void serve(std::unique_ptr<const Realms> realms);
  /// What the listeners take from here on: those of datagrams, and those of connections, in the
  /// order in which they were added.
  void set_plain(std::span<const TakesPlain> of_datagrams, std::span<const TakesPlain> of_streams);
  Now now() const { return now_; }  ///< of this pass

  /// The same where the loop opens the socket itself: the simulation.
  Result<SocketId, OpenError> listen(const UdpSocketSpec& spec, TakesPlain plain = TakesPlain::yes);
  /// One of a group of stream listeners, which listens already.
  Result<SocketId, StreamError> listen(LooseSocket socket, TakesPlain plain,
                                       RealmId realm = kAnyRealm);
  Result<SocketId, StreamError> listen(const StreamSpec& spec, TakesPlain plain);

  /// For handshakes that begin from now on: before start(), or on the shard's thread
  /// (shard_errand.h).
  void set_tls_context(std::shared_ptr<const TlsContext> context);

  void run();    ///< the thread's body: passes until StopShard, then everything is closed
  void start();  ///< run() in single steps: start, pass …, close
  void pass(Instant wake_at);
  Instant next_deadline() const {
    return std::min({relay_.next_deadline(), clients_.next_deadline(), peers_.next_deadline(),
                     dtls_.next_deadline(), proxied_.next_deadline()});
  }
  bool is_stopping() const { return stopping_; }
  void close();
  /// Once more when every shard has closed: one that closed later may have answered us.
  void discard_messages();
  void wake() { loop_->wake(); }

  // For the thread itself, or after it has ended.
  RelayCounters relay_counters() const { return relay_.counters(); }
  const LoopCounters& loop_counters() const { return loop_->counters(); }
  const ShortcutCounters& shortcut_counters() const { return shortcut_counters_; }
  StreamCounters stream_counters() const { return streams_.total(); }
  const DtlsCounters& dtls_counters() const { return dtls_.counters(); }
  const ProxyCounters& proxy_counters() const { return proxied_.counters(); }
  const Relay& relay() const { return relay_; }
  const ShardMeter& meter() const { return meter_; }

 private:
  void on_datagrams(std::span<ReceivedDatagram> batch) override;
  void on_icmp_error(const IcmpError& error) override;
  void on_wake() override;
  void on_accepted(std::span<const AcceptedStream> batch) override;
  void on_stream_events(std::span<const StreamEvent> batch) override;

  // shard_wrapped.cc
  struct DatagramListener {
    ServerAddress address;
    TakesPlain plain;
    RealmId realm = kAnyRealm;
    uint8_t wrapped = 0;  ///< kinds of first bytes that are not simply the relay's, by bit
  };
  Result<SocketId, OpenError> add_listener(SocketId socket, const ServerAddress& address,
                                           TakesPlain plain, RealmId realm);
  static uint8_t kind_of_first_byte(const Packet& packet);
  void note_wrappings();
  void on_wrapped(Arrival arrival, const ReceivedDatagram& datagram);
  void on_proxied(const Arrival& arrival, const TransportAddress& proxy, const Packet& packet);
  TransportAddress route_of(const Arrival& arrival) const;
  void on_dtls_message(const Arrival& arrival, const Packet& packet) override;

  std::optional<HandOver> on_frame(const Arrival& arrival, const Packet& packet) override;
  void on_client_gone(const FiveTuple& five_tuple) override { relay_.on_client_gone(five_tuple); }
  bool has_allocation(const FiveTuple& five_tuple) const override {
    return relay_.has_allocation(five_tuple, now_);
  }
  void on_joined(std::unique_ptr<ClientStream> client, Bytes first) override;
  void hand_over(uint8_t shard, std::unique_ptr<MovingClient> client) override;
  size_t on_credit_wanted(ConnectionId id, Towards towards, bool waits) override {
    return relay_.on_credit_wanted(id, towards, waits, now_);
  }
  size_t on_bytes_joined(ConnectionId id, Towards towards, size_t bytes, int64_t left) override {
    return relay_.on_bytes_joined(id, towards, bytes, left, now_);
  }
  void on_connected(ConnectionId id) override { carry_out(relay_.on_connected(id, now_)); }
  void on_connection_ended(ConnectionId id) override {
    carry_out(relay_.on_connection_ended(id, now_));
  }

  Result<SocketId, SocketFailure> open(const RelayedAddress& address, RelayTag tag) override;
  bool begin_receiving(SocketId id, const RelayedAddress& address) override;
  void close(SocketId id) override { loop_->close(id); }
  Result<HeldSocket, SocketFailure> hold(const RelayedAddress& address) override;
  Result<SocketId, SocketFailure> adopt(HeldSocket socket, const RelayedAddress& address,
                                        RelayTag tag) override;
  void drop(HeldSocket socket) override { loop_->close_loose({socket.handle}); }

  MutableBytes lend(size_t size) override { return loop_->lend(size); }
  bool ask_for_reservation(uint8_t shard, uint64_t token, std::string_view owner,
                           PendingId waiting) override;
  bool ask_to_yield(uint8_t shard, std::string_view quota_id, RealmId realm,
                    PendingId waiting) override;
  void expect_shortcuts_to(uint8_t shard) override;

  void on_peer_denied(const PeerDecision& decision) override;
  void on_auth_failure(AuthFailure why, const ClientAddress& client) override;
  void on_failed_login(AuthFailure why, const ClientAddress& client, std::string_view username,
                       std::string_view realm) override;
  void on_ports_exhausted(AddressFamily family) override;
  void on_allocation_ended(const Allocation& allocation, EndReason why) override;

  void look_ahead(std::span<const ReceivedDatagram> group);
  void on_datagram(const ReceivedDatagram& datagram);
  FiveTuple five_tuple_of(const ReceivedDatagram& datagram) const;
  std::optional<HandOver> carry_out(const Arrival& arrival, const Outcome& outcome);
  void answer(const Arrival& arrival, const Answer& answer);
  void carry_out(const Forward& forward);
  void carry_out(const std::optional<Resumed>& resumed);
  void carry_out(const Shortcut& shortcut);
  void wake_others();
  bool take_shortcuts();
  void release_shortcuts();
  void handle(ShardMessage message);
  void discard(ShardMessage message);
  UdpSocketSpec relay_socket_at(const RelayedAddress& address) const;

  ShardSettings settings_;
  SharedWorld world_;
  std::unique_ptr<const Realms> realms_;
  std::unique_ptr<Random> random_;
  std::unique_ptr<Loop> loop_;
  Now now_;
  SharedStreams streams_;
  ClientStreams clients_;
  PeerStreams peers_;
  Relay relay_;
  DtlsClients dtls_;
  ProxiedClients proxied_;
  std::vector<DatagramListener> listeners_;  ///< by tag
  std::vector<SocketId> listener_sockets_;
  std::vector<SocketId> stream_listeners_;
  std::vector<AddressRange> denied_;  ///< told already
  Instant next_exhausted_event_{};
  uint64_t to_wake_ = 0;  ///< shards, by bit, that were handed a datagram in this batch
  uint8_t first_served_ = 0;
  bool has_taken_shortcuts_ = false;
  ShortcutCounters shortcut_counters_;
  ShardMeter meter_;
  std::optional<Instant> works_since_;  ///< in this pass
  bool stopping_ = false;
};
static_assert(kMaxShards <= 64, "a bit for each");

}  // namespace uturn
