// Arrival: how a client's datagram, or a frame of its stream, came in.
#pragma once

#include "auth/realm_id.h"
#include "protocol/transport_address.h"

namespace uturn {

/// Whether it delivers bytes in order, not datagrams.
constexpr bool is_stream(Transport transport) {
  return transport == Transport::tcp || transport == Transport::tls;
}

struct Arrival {
  FiveTuple five_tuple;
  SocketId listener;  ///< answers leave by it, from five_tuple.server; of a stream: the connection
  // Of a stream's frames they are all zero: no DSCP but the default, Not-ECT, and a hop count that
  // begins here (RFC 8656, Section 15).
  uint8_t dscp = 0;
  uint8_t ecn = 0;
  uint8_t ttl = 0;            ///< 0: not known
  RealmId realm = kAnyRealm;  ///< of a listener that serves one alone
};

}  // namespace uturn
