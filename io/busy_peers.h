// BusyPeers: whom a relay socket sends nearly everything to, and the connected socket that makes it
// cheaper.
#pragma once

#include <chrono>
#include <cstdint>
#include <utility>
#include <vector>

#include "io/loop.h"

namespace uturn {

/// A connected UDP socket knows its route, so that a send by it saves the look-up; but it hears its
/// peer alone, and a permission is for an address with any port. So a busy relay socket gets a
/// twin: a second socket on the same port, connected to its busiest peer. The kernel gives the twin
/// what that peer sends and the relay socket everything else.
///
/// Which peer that is, a majority vote tells (Boyer and Moore): one candidate, one count, whatever
/// the number of peers. TTL, DSCP and ECN are voted on as well, since the twin has them as options:
/// a control message would bring the look-up back. What is otherwise leaves by the relay socket.
class BusyPeers {
 public:
  static constexpr uint16_t kBusy = 64;          ///< votes that are worth a socket
  static constexpr uint16_t kMostVotes = 1'024;  ///< and what another peer has to outdo
  /// Between two connections, some 15 µs of work each: a thousand calls that begin at once get
  /// their twins within a quarter of a second, and no packet waits for all of them.
  static constexpr Duration kPause = std::chrono::microseconds(250);

  struct Peer {
    TransportAddress to;
    uint8_t dscp = 0;
    uint8_t ecn = 0;
    uint8_t ttl = 0;
    bool is_connected = false;  ///< the twin is connected to `to` and sends with these fields
    uint16_t votes = 0;
    SocketId twin;  ///< if there is one
  };

  /// `sockets`: the slots of the socket table; `limit`: twins at the most.
  BusyPeers(uint32_t sockets, uint32_t limit) : peers_(sockets), limit_(limit) {}

  /// A send by this relay socket. Returns the twin that may carry it, or an invalid id.
  SocketId vote(SocketId owner, const OutgoingDatagram& datagram) {
    Peer& peer = peers_[owner.slot];
    if (!is_of(peer, datagram)) {
      vote_against(peer, datagram);
      return {};
    }
    if (peer.votes < kMostVotes) ++peer.votes;
    if (peer.is_connected) return peer.twin;
    if (peer.votes >= kBusy) wanting_ = owner;
    return {};
  }

  /// At the end of a pass: connects one candidate that has become busy, or none before its time.
  /// `open_twin(SocketId owner)` returns a new socket on that port, or an invalid id;
  /// `connect(SocketId twin, const Peer&)` whether it could.
  template <class OpenTwin, class Connect>
  void connect_busy(Instant now, OpenTwin open_twin, Connect connect) {
    const SocketId owner = std::exchange(wanting_, {});
    if (!owner.is_valid() || limit_ == 0 || now < rests_until_) return;
    Peer& peer = peers_[owner.slot];
    if (peer.is_connected || peer.votes < kBusy) return;
    rests_until_ = now + kPause;
    if (!peer.twin.is_valid() && twins_ < limit_) {
      peer.twin = open_twin(owner);
      twins_ += peer.twin.is_valid();
    }
    peer.is_connected = peer.twin.is_valid() && connect(peer.twin, peer);
    if (!peer.is_connected) peer.votes = 0;  // and may try again when it was busy anew
  }

  SocketId twin_of(SocketId owner) const { return peers_[owner.slot].twin; }
  /// The relay socket closes, and its twin with it.
  void forget(SocketId owner);
  uint32_t twins() const { return twins_; }

 private:
  static bool is_of(const Peer& peer, const OutgoingDatagram& datagram) {
    const IpFields& ip = datagram.ip;
    return peer.to == datagram.to && peer.ttl == ip.ttl && peer.dscp == ip.dscp &&
           peer.ecn == ip.ecn;
  }
  static void vote_against(Peer& peer, const OutgoingDatagram& datagram);

  std::vector<Peer> peers_;
  SocketId wanting_;  ///< the last that voted for a twin in this pass; those before it vote again
  Instant rests_until_{};
  uint32_t limit_;
  uint32_t twins_ = 0;
};

}  // namespace uturn
