// StreamCounters: what became of a shard's stream connections.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace uturn {

/// Why a client's connection was closed. Each is a counter.
enum class CloseReason : uint8_t {
  ended,  ///< by the client
  reset,  ///< the connection broke
  // limits
  too_many_connections,
  too_many_of_source,
  too_many_handshakes,
  no_descriptor,
  no_block,  ///< too many half messages of others are kept already
  // what was sent is none of ours
  not_turn,
  plain_refused,   ///< a tls listener with `plain: false`
  no_certificate,  ///< TLS, and there is none
  frame_too_long,
  http,
  proxy_header,  ///< of a configured proxy, and not what the PROXY protocol says
  tls_failed,    ///< the handshake, or a record
  // time
  handshake_timeout,
  no_first_message,
  idle,  ///< without an allocation
  // ours
  superseded,  ///< a proxy announces another connection of the same client's address
  not_handed_over,
  stopping,
  count_,
};
inline constexpr size_t kCloseReasons = static_cast<size_t>(CloseReason::count_);
std::string_view name_of(CloseReason reason);

/// Counted by the shard's own thread; plain integers.
struct StreamCounters {
  uint64_t connections = 0;  ///< of clients, open now
  uint64_t accepted = 0;
  uint64_t proxied = 0;  ///< of `accepted`: a proxy announced another address
  std::array<uint64_t, kCloseReasons> closed{};
  uint64_t handed_over = 0;  ///< to another shard, for a ConnectionBind
  uint64_t taken_over = 0;

  uint64_t handshakes = 0;  ///< begun
  uint64_t handshakes_done = 0;
  uint64_t handshakes_resumed = 0;  ///< of those, by a ticket

  uint64_t frames_in = 0;
  uint64_t messages_out = 0;
  uint64_t bytes_copied = 0;  ///< of frames that came in pieces
  // Messages for clients that were lost; each whole.
  uint64_t dropped_full = 0;
  uint64_t dropped_old = 0;
  uint64_t dropped_without_block = 0;
  uint64_t dropped_gone = 0;  ///< the connection had just ended

  // TCP allocations (RFC 6062)
  uint64_t joined = 0;      ///< pairs made
  uint64_t joined_now = 0;  ///< pairs that live
  uint64_t joined_bytes_to_peers = 0;
  uint64_t joined_bytes_to_clients = 0;
  uint64_t joined_waiting = 0;  ///< pairs that wait for bandwidth now: nothing is read …
  uint64_t joined_waits = 0;    ///< … and how often one way of a pair began to
  uint64_t joined_failed = 0;   ///< pairs that ended otherwise than by both ends' FIN

  // Blocks that hold something now (server/streams/limits.h).
  uint64_t incoming_blocks = 0;  ///< frames that have come in part
  uint64_t outgoing_blocks = 0;  ///< what waits for slow clients and peers

  uint64_t closed_for(CloseReason why) const { return closed[static_cast<size_t>(why)]; }
};

}  // namespace uturn
