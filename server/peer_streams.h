// PeerStreams: the TCP connections of a shard to its clients' peers (RFC 6062), and the clients'
// connections that they are joined with.
#pragma once

#include <memory>
#include <vector>

#include "auth/quota.h"
#include "server/client_streams.h"
#include "server/relay/tcp_sockets.h"

namespace uturn {

/// Who hears how connections of peers come and go: the shard.
class PeerHandler {
 public:
  virtual ~PeerHandler() = default;
  virtual void on_connected(ConnectionId id) = 0;
  /// As the relay's of the same names: asked and told once a turn of a connection.
  virtual size_t on_credit_wanted(ConnectionId id, Towards towards, bool waits) = 0;
  virtual size_t on_bytes_joined(ConnectionId id, Towards towards, size_t bytes, int64_t left) = 0;
  virtual void on_connection_ended(ConnectionId id) = 0;
};

/// Once joined, bytes go from one end to the other as they are. What one end does not take, or no
/// bandwidth is left for, is not read from the other, whose sender then waits: on a stream nothing
/// may be dropped.
///
///   peer ── read ──> queue ── write ──> client
///   peer <── write ── queue <── read ── client
///
/// An end that sends no more (FIN, close_notify) is told to the other, which may go on; when both
/// have ended, or one has failed, the pair ends.
class PeerStreams final : public TcpSockets {
 public:
  PeerStreams(SharedStreams& shared, ClientStreams& clients, PeerHandler& handler)
      : shared_(shared), clients_(clients), handler_(handler) {}
  ~PeerStreams() override { CHECK(size_ == 0); }

  // What the relay asks for. A listener's tag is `pack(tag)` of server/socket_tags.h.
  Result<SocketId, SocketFailure> listen(const RelayedAddress& address, RelayTag tag) override;
  void stop_listening(SocketId listener) override { shared_.streams.close(listener); }
  Result<SocketId, SocketFailure> connect(const RelayedAddress& from, const PeerAddress& to,
                                          ConnectionId id) override;
  void keep(SocketId peer, ConnectionId id) override;
  void join(SocketId client, SocketId peer, ConnectionId) override { clients_.join(client, peer); }
  void close(SocketId peer) override;

  // What the loop brings. The relay decides about a connection that was accepted, by keep() or
  // close().
  void on_accepted(SocketId peer);
  void on_peer_event(const StreamEvent& event);
  void on_client_event(const StreamEvent& event);
  /// Every pass: those that wait for bandwidth try again, in their order, at most kCreditsPerRound.
  void go_on();
  Instant next_deadline() const { return waiting_.empty() ? kNever : next_round_; }

  /// The connection that join() named, once its request has been answered.
  void begin(std::unique_ptr<ClientStream> client, Bytes first);

  size_t size() const { return size_; }

 private:
  /// The bytes from one end to the other.
  struct Way {
    bool has_ended = false;  ///< nothing more is to be read
    bool is_over = false;    ///< and the other end was told
    bool waits = false;      ///< for bandwidth
    int64_t credit = 0;      ///< bytes that may be read; negative: more than that had to be
  };
  struct PeerStream {
    PeerStream(SharedStreams& shared, SocketId socket) : bytes(shared, socket) {}
    ByteStream bytes;
    ConnectionId id;
    bool is_connecting = false;
    std::unique_ptr<ClientStream> client;  ///< null: not joined yet
    Way to_client;
    Way to_peer;
    bool is_waiting = false;  ///< stands in waiting_
  };

  PeerStream* find(SocketId socket);
  PeerStream& add(SocketId socket);
  void remove(PeerStream& peer);
  void end(PeerStream& peer);
  void move_bytes(PeerStream& peer);
  bool move_bytes(PeerStream& peer, Towards towards);
  bool pass_on(PeerStream& peer, Towards towards, size_t& moved);
  bool has_credit(PeerStream& peer, Towards towards);
  void count(PeerStream& peer, Towards towards, size_t bytes);
  static Way& way_of(PeerStream& peer, Towards towards) {
    return towards == Towards::peer ? peer.to_peer : peer.to_client;
  }

  SharedStreams& shared_;
  ClientStreams& clients_;
  PeerHandler& handler_;
  std::vector<std::unique_ptr<PeerStream>> by_slot_;  ///< of the peers' sockets
  std::vector<SocketId> peer_of_;                     ///< by the slot of the client's socket
  std::vector<SocketId> waiting_;                     ///< the peers' sockets; some may have ended
  Instant next_round_ = kNever;
  size_t size_ = 0;
};

}  // namespace uturn
