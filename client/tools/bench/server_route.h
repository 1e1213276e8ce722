// ServerRoute: how a client's messages get to the server, by its UDP socket or by its connection.
#pragma once

#include <algorithm>

#include "client/tools/bench/client_connections.h"
#include "client/tools/make_connection.h"
#include "io/loop.h"

namespace uturn {

struct ServerRoute {
  Loop& loop;
  const BenchServer& server;
  ClientConnections* connections = nullptr;  ///< null over UDP

  bool is_reliable() const { return uturn::is_reliable(server.transport); }

  void send(SocketId socket, size_t client, Bytes message) const {
    if (connections) return connections->send(client, {}, message, 0);
    const MutableBytes buffer = loop.lend(message.size()).first(message.size());
    std::ranges::copy(message, buffer.begin());
    loop.send({.via = socket, .to = server.address, .header = {}, .payload = buffer, .ip = {}});
  }

  /// The client's next message begins another connection.
  void hang_up(size_t client) const {
    if (connections) connections->hang_up(client);
  }
};

}  // namespace uturn
