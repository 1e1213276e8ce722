// ClientStream: one client's connection, and how it changes shards.
#pragma once

#include <memory>
#include <vector>

#include "server/connection_limits.h"
#include "server/relay/deadline_queue.h"
#include "server/streams/byte_stream.h"
#include "server/streams/incoming_bytes.h"

namespace uturn {

/// What the bytes are that come next. Under TLS the first bytes are asked for once more, inside.
enum class ClientStage : uint8_t {
  proxy_header,  ///< of a configured proxy: nothing before it
  first_bytes,   ///< which protocol speaks?
  frames,
  ending,  ///< our last words are on their way; what still comes is thrown away
};

/// What is waited for, and not for ever.
enum class ClientWait : uint8_t {
  first_message,  ///< a whole one
  handshake,
  activity,  ///< as long as it has no allocation
  farewell,  ///< its FIN, after ours
};

/// Owned by ClientStreams, until the connection changes shards or is joined with a peer's.
struct ClientStream {
  ClientStream(SharedStreams& shared, SocketId socket)
      : bytes(shared, socket), kept(shared.incoming) {}

  ByteStream bytes;
  IncomingBytes kept;
  FiveTuple five_tuple;  ///< as a proxy announced it, where one did
  uint32_t listener = 0;
  ConnectionLease lease;
  HandshakeLease handshake;

  ClientStage stage = ClientStage::first_bytes;
  ClientWait wait = ClientWait::first_message;
  Instant waits_since{};  ///< of `activity`: the last frame
  DeadlineQueue::Handle deadline = DeadlineQueue::kNone;
  bool had_allocation = false;  ///< when its waiting was last looked at
  bool is_announced = false;    ///< the five-tuple is a proxy's word
  bool has_ended = false;       ///< it sends no more
  bool is_listed = false;       ///< to be flushed at the end of the pass
  SocketId peer{};              ///< the connection of a peer that it was just joined with
};

/// A connection between two shards. Whoever throws it away closes the socket by
/// Loop::close_loose().
struct MovingClient {
  LooseSocket socket;
  FiveTuple five_tuple;
  uint32_t listener = 0;
  bool is_announced = false;
  ConnectionLease lease;
  std::unique_ptr<TlsSession> tls;
  std::vector<uint8_t> frames;      ///< in clear: the request it moves for, and what came behind it
  std::vector<uint8_t> ciphertext;  ///< what came behind that
};

}  // namespace uturn
