// ClientConnections: how the clients of one generator thread reach their server over TCP, TLS or
// DTLS.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "client/tools/bench/bench_server.h"
#include "client/tools/bench/generator_sockets.h"
#include "client/tools/server_connection.h"
#include "io/loop.h"

namespace uturn {

/// Whoever has the clients.
class ClientListener {
 public:
  virtual ~ClientListener() = default;
  /// A message or ChannelData from the server, valid during the call.
  virtual void on_client_frame(size_t client, MutableBytes frame, Now now) = 0;
  /// The connection is no more; nothing that is sent goes anywhere until hang_up().
  virtual void on_client_gone(size_t client, const ConnectionEnd& end, Now now) = 0;
};

/// A client is its number. Its connection is begun when it first sends: as many handshakes are
/// under way as clients are being set up. What is sent in a pass leaves together at its end; a
/// server that does not read makes its client drop (dropped()), and no other wait.
class ClientConnections {
 public:
  /// All must outlive the connections.
  ClientConnections(Loop& loop, const BenchServer& server, const SocketPlace& place,
                    uint32_t clients);
  ClientConnections(const ClientConnections&) = delete;
  ClientConnections& operator=(const ClientConnections&) = delete;

  void send(size_t client, Bytes header, Bytes payload, size_t padding);
  /// Ends its connection; another is begun when it sends again.
  void hang_up(size_t client);
  void hang_up_all();

  /// Before every pass of the loop: repeats handshakes, tells who is gone, sends what waits.
  void run_due(ClientListener& listener, Now now);
  Instant next_deadline(Now now) const;  ///< of run_due(), as far as handshakes go
  void on_stream_events(std::span<const StreamEvent> events, ClientListener& listener, Now now);
  /// A datagram that a DTLS client's socket received.
  void on_datagram(size_t client, MutableBytes datagram, ClientListener& listener, Now now);
  /// Of a DTLS client's socket: nobody is there.
  void on_unreachable(size_t client);

  uint64_t dropped() const { return dropped_; }
  const ConnectionSecurity* security() const { return security_ ? &*security_ : nullptr; }

 private:
  struct Link {
    SocketId socket{};
    std::unique_ptr<ServerConnection> connection{};
    bool is_connected = false;
    bool is_end_told = false;
    bool is_dirty = false;    ///< in dirty_
    bool is_shaking = false;  ///< in shaking_
  };

  class Sink;

  void begin(size_t client, Now now);
  void open_socket(size_t client);
  void connected(Link& link, Now now);
  void mark_dirty(size_t client);
  void read(size_t client, ClientListener& listener, Now now);
  void write(size_t client);
  void write_stream(Link& link);
  void write_datagrams(Link& link);
  void flush();
  void note_end(size_t client, ClientListener& listener, Now now);
  void note_security(const Link& link);

  Loop& loop_;
  const BenchServer& server_;
  const SocketPlace& place_;
  ClientSecurity security_settings_;
  std::vector<Link> links_;
  std::vector<size_t> dirty_;
  std::vector<size_t> shaking_;  ///< connections that are not open yet
  std::vector<size_t> ended_;    ///< found out while writing, and not told yet
  /// Hung up, perhaps by somebody whom it was just telling something: they go with the next pass.
  std::vector<std::unique_ptr<ServerConnection>> leaving_;
  std::vector<uint8_t> buffer_;
  uint64_t dropped_ = 0;
  std::optional<ConnectionSecurity> security_;  ///< of the first that was open
};

}  // namespace uturn
