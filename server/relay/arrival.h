// Arrival: how a client's datagram came in.
#pragma once

#include "protocol/transport_address.h"

namespace uturn {

struct Arrival {
  FiveTuple five_tuple;
  SocketId listener;  ///< answers leave by it, from five_tuple.server
  uint8_t dscp = 0;
  uint8_t ecn = 0;
  uint8_t ttl = 0;  ///< 0: not known
};

}  // namespace uturn
