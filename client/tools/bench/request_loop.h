// RequestLoop: the I/O loop of one thread that makes requests, and the sockets it makes them on.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "client/tools/bench/options.h"
#include "client/tools/bench/server_route.h"

namespace uturn {

struct RequestLoop {
  std::unique_ptr<Loop> loop;
  std::vector<SocketId> sockets;       ///< tagged with their places here
  IpAddress address;                   ///< of the first socket: a peer that is sure to exist
  std::unique_ptr<SocketPlace> place;  ///< where connections are made
  std::unique_ptr<ClientConnections> connections{};  ///< null over UDP

  ServerRoute route(const BenchServer& server) { return {*loop, server, connections.get()}; }

  /// As many sockets as asked for, or as the process may have descriptors, on the options' client
  /// addresses in turn. The error is a sentence for people.
  static Result<RequestLoop, std::string> open(const BenchOptions& options,
                                               const BenchServer& server, uint32_t sockets);
};

}  // namespace uturn
