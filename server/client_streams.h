// ClientStreams: the TCP and TLS connections of a shard's clients.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "auth/address_range.h"
#include "auth/realm_id.h"
#include "io/tls_context.h"
#include "protocol/bytes.h"
#include "server/client_stream.h"
#include "server/relay/arrival.h"
#include "server/relay/deadline_queue.h"
#include "server/relay/outcome.h"

namespace uturn {

/// Set by the operator; see StreamLimits of server/config.h.
struct StreamSettings {
  Duration handshake_timeout = std::chrono::seconds(10);
  Duration first_message_timeout = std::chrono::seconds(10);
  Duration idle_timeout = std::chrono::seconds(60);
  size_t queue_bytes = 256 * 1024;
  Duration queue_age = std::chrono::seconds(1);
  std::vector<AddressRange> proxies{};
  std::shared_ptr<const TlsContext> tls{};  ///< null: TLS is refused
};

/// Whether a listener takes plain TURN, too: those for TLS may be told not to.
enum class TakesPlain : bool { no, yes };

/// Who handles what clients say over connections, and hears when they go: the shard.
class ClientHandler {
 public:
  virtual ~ClientHandler() = default;
  /// A frame in its buffer, which stays until the pass ends. Returns where the connection belongs,
  /// if that is another shard.
  virtual std::optional<HandOver> on_frame(const Arrival& arrival, const Packet& packet) = 0;
  virtual void on_client_gone(const FiveTuple& five_tuple) = 0;
  virtual bool has_allocation(const FiveTuple& five_tuple) const = 0;
  /// ClientStreams::join() was called for this connection: it is no client's any more. `first` came
  /// behind its request.
  virtual void on_joined(std::unique_ptr<ClientStream> client, Bytes first) = 0;
  virtual void hand_over(uint8_t shard, std::unique_ptr<MovingClient> client) = 0;
};

/// Life of a connection:
///
///   on_accepted ─> [PROXY header] ─> first bytes ─┬─> frames ─> on_frame … ─> closed
///                                       ^         ├─> HTTP: a short 400 ────> closed
///                                       └── TLS ──┘
///
/// What the shard has for a client is queued by send() and leaves at the end of the pass, by
/// flush(). No connection is closed while its frame is handled.
class ClientStreams {
 public:
  ClientStreams(StreamSettings settings, SharedStreams& shared, ConnectionLimits& limits,
                ClientHandler& handler);
  ~ClientStreams();

  /// The listener's tag is its number here, from 0.
  void add_listener(TakesPlain plain, RealmId realm) { listeners_.push_back({plain, realm}); }
  size_t listeners() const { return listeners_.size(); }
  /// For connections whose first bytes come from now on.
  void set_plain(std::span<const TakesPlain> of_listeners) {
    CHECK(of_listeners.size() == listeners_.size());
    for (size_t i = 0; i < listeners_.size(); ++i) listeners_[i].plain = of_listeners[i];
  }
  /// For handshakes that begin from now on.
  void set_tls_context(std::shared_ptr<const TlsContext> context) {
    settings_.tls = std::move(context);
  }

  /// Other settings from here on, for the connections that there are as well; the certificates are
  /// no part of them.
  void reload(StreamSettings settings);

  // What the loop brings.
  void on_accepted(const AcceptedStream& accepted);
  void on_event(const StreamEvent& event);

  // What the shard has for clients.
  void send(SocketId to, const OutgoingMessage& message, Droppable droppable);
  /// During on_frame(): the connection that the frame came by is to be joined with a peer's.
  void join(SocketId client, SocketId peer);
  /// A connection comes from another shard.
  void adopt(std::unique_ptr<MovingClient> moving);

  /// Every pass: ends what is due, and sends what was queued.
  void end_pass();
  Instant next_deadline() const { return deadlines_.next(); }
  void close_all();

  size_t size() const { return size_; }

 private:
  /// How handling bytes went on.
  enum class Step : uint8_t {
    next,  ///< with the next stage
    wait,  ///< for more bytes
    gone,  ///< the connection is not here any more
  };

  // client_streams.cc: the connections
  ClientStream* find(SocketId socket);
  ClientStream& add(std::unique_ptr<ClientStream> client);
  std::unique_ptr<ClientStream> remove(ClientStream& client);
  void refuse(SocketId socket, CloseReason why);
  Step close(ClientStream& client, CloseReason why);
  Step say_farewell(ClientStream& client, CloseReason why);
  void forget_in_relay(const ClientStream& client);
  void supersede(ClientStream& client);
  void list(ClientStream& client);
  void flush();
  void flush(ClientStream& client);

  // client_timeouts.cc
  void wait_for(ClientStream& client, ClientWait what);
  Instant due_at(const ClientStream& client) const;
  void set_deadline(ClientStream& client);
  void on_deadline(ClientStream& client);
  void on_waited(ClientStream& client);

  // client_reading.cc: from bytes to frames
  void read(ClientStream& client);
  void on_end(ClientStream& client, StreamError why);
  Step on_bytes(ClientStream& client, MutableBytes buffer, size_t size);
  Step read_proxy_header(ClientStream& client, IncomingRead& read);
  Step read_first_bytes(ClientStream& client, IncomingRead& read);
  Step begin_tls(ClientStream& client, IncomingRead& read);
  void note_handshake(ClientStream& client);
  Step answer_http(ClientStream& client);
  Step read_frames(ClientStream& client, IncomingRead& read);
  Result<MutableBytes, IncomingError> next_frame(const ClientStream& client, IncomingRead& read);
  Packet packet_of(MutableBytes frame);
  Step hand_over(ClientStream& client, uint8_t shard, Bytes frames);
  Step keep_rest(ClientStream& client, IncomingRead& read);

  StreamSettings settings_;
  SharedStreams& shared_;
  ConnectionLimits& limits_;
  ClientHandler& handler_;
  struct Listener {
    TakesPlain plain;
    RealmId realm;
  };
  std::vector<Listener> listeners_;                     ///< by tag
  std::vector<std::unique_ptr<ClientStream>> by_slot_;  ///< of their sockets
  size_t size_ = 0;
  std::map<std::pair<TransportAddress, TransportAddress>, SocketId> announced_;  ///< by proxies
  std::vector<SocketId> to_flush_;
  DeadlineQueue deadlines_;
};

}  // namespace uturn
