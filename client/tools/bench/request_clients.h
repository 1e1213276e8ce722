// RequestClients: clients that make requests, and what their loop or their connections tell them.
#pragma once

#include "client/tools/bench/relay_datagram.h"
#include "client/tools/bench/server_route.h"

namespace uturn {

class RequestClients : public LoopHandler, public ClientListener {
 public:
  explicit RequestClients(const ServerRoute& route) : route_(route) {}

  void on_datagrams(std::span<ReceivedDatagram> batch) final {
    const Now now = route_.loop.now();
    for (const ReceivedDatagram& datagram : batch) {
      if (datagram.from != route_.server.address) continue;
      const MutableBytes bytes = datagram.packet.bytes();
      route_.connections ? route_.connections->on_datagram(datagram.tag, bytes, *this, now)
                         : on_client_frame(datagram.tag, bytes, now);
    }
  }
  void on_icmp_error(const IcmpError& error) final {
    if (error.destination != route_.server.address) return;
    route_.connections ? route_.connections->on_unreachable(error.tag)
                       : on_unreachable(error.tag, route_.loop.now());
  }
  void on_stream_events(std::span<const StreamEvent> events) final {
    route_.connections->on_stream_events(events, *this, route_.loop.now());
  }
  void on_wake() final {}

 protected:
  const ServerRoute& route() const { return route_; }
  /// An ICMP error told that nobody is there.
  virtual void on_unreachable(size_t client, Now now) = 0;
  /// Before every pass.
  void run_connections(Now now) {
    if (route_.connections) route_.connections->run_due(*this, now);
  }

 private:
  ServerRoute route_;
};

}  // namespace uturn
