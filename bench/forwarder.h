// Forwarder: what a relay asks of the kernel, and nothing else: the limit beside a TURN server.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "io/loop.h"

namespace uturn {

/// One listener for all clients and one relay socket per flow, on the same loop as a shard's. A
/// client sets its flow up by one datagram, may repeat it, and is answered in the same form; from
/// then on payloads pass verbatim, both ways.
///
///   client -> us    "FWD1", the peer's address            as the value of MAPPED-ADDRESS
///   us -> client    "FWD1", the relay socket's address    (RFC 8489, Section 14.1);
///                   "FWD1" alone: refused
///
/// A flow lasts as long as the forwarder, so nothing is ever removed.
class Forwarder final : public LoopHandler {
 public:
  /// `flows` at the most. `relay_socket`: its address leaves the port open.
  Forwarder(Loop& loop, UdpSocketSpec relay_socket, uint32_t flows, uint64_t seed);

  void on_datagrams(std::span<ReceivedDatagram> batch) override;
  void on_icmp_error(const IcmpError&) override {}
  void on_wake() override { stopping_ = true; }

  bool is_stopping() const { return stopping_; }
  uint64_t forwarded() const { return forwarded_; }
  uint64_t dropped() const { return dropped_; }

 private:
  struct Flow {
    TransportAddress client;
    IpAddress server;  ///< where the client sends to, and hears from
    SocketId listener;
    SocketId relay;
    TransportAddress peer;
  };
  static constexpr uint32_t kNone = UINT32_MAX;
  struct IndexEntry {
    uint32_t hash = 0;
    uint32_t flow = kNone;
  };

  void from_client(const ReceivedDatagram& datagram);
  void from_peer(const ReceivedDatagram& datagram);
  void set_up(const ReceivedDatagram& datagram, const TransportAddress& peer);
  Flow* open(const ReceivedDatagram& datagram);
  IndexEntry& place_of(const TransportAddress& client);

  Loop& loop_;
  UdpSocketSpec relay_socket_;
  uint32_t most_flows_;
  uint64_t seed_;
  std::vector<Flow> flows_;        ///< a relay socket's tag says which
  std::vector<IndexEntry> index_;  ///< by client: a power of two, at most half full
  bool stopping_ = false;
  uint64_t forwarded_ = 0;
  uint64_t dropped_ = 0;
};

/// The tag of a forwarder's listener; the relay sockets' tags are flows.
inline constexpr uint64_t kForwarderListener = UINT64_MAX;

}  // namespace uturn
