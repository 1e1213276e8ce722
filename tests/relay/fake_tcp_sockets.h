// FakeTcpSockets: listening sockets and connections of TCP relayed transport addresses, on paper.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <vector>

#include "server/relay/relay_ports.h"
#include "server/relay/tcp_sockets.h"

namespace uturn {

/// What the relay promises the shard is expected in every call: a port is held as long as anything
/// stands on it, a connection is from where somebody listens, and nothing is closed twice.
class FakeTcpSockets final : public TcpSockets {
 public:
  explicit FakeTcpSockets(const RelayPorts& ports) : ports_(ports) {}

  struct Listener {
    RelayedAddress address;
    RelayTag tag;
  };
  struct Connection {
    RelayedAddress local;
    PeerAddress peer;
    std::optional<ConnectionId> id;  ///< none: accepted, and not decided about
    std::optional<SocketId> client;  ///< joined with
  };
  void occupy_next(uint32_t times) { occupied_ = times; }  ///< another process listens there
  void cannot_connect(bool cannot) {
    cannot_connect_ = cannot;
  }  ///< EADDRNOTAVAIL, or no descriptors

  const std::map<uint32_t, Listener>& listeners() const { return listeners_; }
  const std::map<uint32_t, Connection>& connections() const { return connections_; }
  const Listener* listener_at(const TransportAddress& address) const {
    for (const auto& [slot, listener] : listeners_) {
      if (static_cast<const TransportAddress&>(listener.address) == address) return &listener;
    }
    return nullptr;
  }
  std::optional<SocketId> to(const TransportAddress& peer) const {
    for (const auto& [slot, connection] : connections_) {
      if (static_cast<const TransportAddress&>(connection.peer) == peer) return SocketId{slot, 1};
    }
    return std::nullopt;
  }
  const Connection& at(SocketId id) const { return connections_.at(id.slot); }
  /// The kernel has accepted it.
  SocketId accept(const RelayedAddress& local, const PeerAddress& peer) {
    connections_.emplace(++slots_, Connection{local, peer, std::nullopt, std::nullopt});
    return {slots_, 1};
  }
  /// It ended by itself; so does what it is joined with.
  void ended(SocketId id) { connections_.erase(id.slot); }

  Result<SocketId, SocketFailure> listen(const RelayedAddress& address, RelayTag tag) override {
    EXPECT_TRUE(ports_.held().is_held(address)) << "a socket on a port that is nobody's";
    EXPECT_EQ(listener_at(address), nullptr) << "two listen on one port";
    if (occupied_ > 0) {
      --occupied_;
      return Failure{SocketFailure::occupied};
    }
    listeners_.emplace(++slots_, Listener{address, tag});
    return SocketId{slots_, 1};
  }
  void stop_listening(SocketId listener) override {
    const auto found = listeners_.find(listener.slot);
    CHECK(found != listeners_.end());
    const RelayedAddress address = found->second.address;
    EXPECT_TRUE(ports_.held().is_held(address)) << "a port was given back before its close";
    for (const auto& [slot, connection] : connections_) {
      EXPECT_FALSE(connection.local == address) << "a connection outlives its allocation";
    }
    listeners_.erase(found);
  }
  Result<SocketId, SocketFailure> connect(const RelayedAddress& from, const PeerAddress& to_peer,
                                          ConnectionId id) override {
    EXPECT_NE(listener_at(from), nullptr) << "from where nobody listens";
    if (cannot_connect_) return Failure{SocketFailure::occupied};
    const SocketId socket = accept(from, to_peer);
    connections_.at(socket.slot).id = id;
    return socket;
  }
  void keep(SocketId peer, ConnectionId id) override { connections_.at(peer.slot).id = id; }
  void join(SocketId client, SocketId peer, ConnectionId id) override {
    Connection& connection = connections_.at(peer.slot);
    EXPECT_EQ(connection.id, id);
    EXPECT_FALSE(connection.client) << "joined twice";
    connection.client = client;
  }
  void close(SocketId peer) override {
    EXPECT_EQ(connections_.erase(peer.slot), 1u) << "closed twice";
  }

 private:
  const RelayPorts& ports_;
  std::map<uint32_t, Listener> listeners_;
  std::map<uint32_t, Connection> connections_;
  uint32_t slots_ = 2'000'000;
  uint32_t occupied_ = 0;
  bool cannot_connect_ = false;
};

}  // namespace uturn
