// DrivenConnection: a ServerConnection and its socket, driven by poll().
#pragma once

#include <poll.h>

#include <memory>

#include "client/tools/client_socket.h"
#include "client/tools/server_connection.h"

namespace uturn {

class DrivenConnection {
 public:
  /// Begins to connect; where not even that was possible, `connection` has ended. `header`, which
  /// outlives it, goes before the first byte of a stream, and before every datagram.
  DrivenConnection(ClientSocket::Kind kind, const TransportAddress& server,
                   std::unique_ptr<ServerConnection> connection, Now now, Bytes header = {});

  DrivenConnection(const DrivenConnection&) = delete;
  DrivenConnection& operator=(const DrivenConnection&) = delete;
  ~DrivenConnection();

  ServerConnection& connection() { return *connection_; }
  const ServerConnection& connection() const { return *connection_; }

  /// A frame; it leaves at once or waits.
  bool send(Bytes frame);
  pollfd wait_for() const;
  /// Whatever poll() said: connects, reads what has come and writes what waits.
  void on_ready(FrameSink& sink, Now now);
  void on_deadline(Now now);

 private:
  void connect(Now now);
  void read(FrameSink& sink, Now now);
  void write();
  Result<size_t, int> transmit(Bytes bytes);

  ClientSocket::Kind kind_;
  Bytes header_;
  ClientSocket socket_;
  std::unique_ptr<ServerConnection> connection_;
  bool is_connected_ = false;
};

}  // namespace uturn
