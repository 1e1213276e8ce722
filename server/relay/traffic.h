// Traffic: what an allocation has relayed, and when its ends were last heard.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "protocol/counter.h"
#include "protocol/time.h"

namespace uturn {

/// Written per packet, by one thread: plain integers. Bytes are payload.
struct Traffic {
  Counter packets_to_peers = 0;
  Counter bytes_to_peers = 0;
  Counter packets_to_client = 0;
  Counter bytes_to_client = 0;
  Instant client_heard_at{};  ///< relayed data, or a request by the allocation's user
  Instant peer_heard_at{};    ///< relayed data

  void count_to_peer(size_t bytes, Now now) {
    ++packets_to_peers;
    bytes_to_peers += bytes;
    client_heard_at = now.monotonic;
  }
  void count_to_client(size_t bytes, Now now) {
    ++packets_to_client;
    bytes_to_client += bytes;
    peer_heard_at = now.monotonic;
  }
  Instant last_heard_at() const { return std::max(client_heard_at, peer_heard_at); }
};

}  // namespace uturn
