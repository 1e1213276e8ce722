// Stream sockets: opening them with every option uturn relies on, and the groups of listeners.
#pragma once

#include <vector>

#include "io/loose_socket.h"
#include "io/streams.h"

namespace uturn {

/// Non-blocking, CLOEXEC, V6ONLY, bound to `spec.address` unless that names nothing. Returns the
/// descriptor, which is the caller's. What a connection inherits from its listener is set here for
/// both: TCP_NODELAY, TCP_NOTSENT_LOWAT, the buffers.
Result<int, StreamError> open_stream_socket(const StreamSpec& spec);
/// The same, listening.
Result<int, StreamError> open_stream_listener(const StreamSpec& spec);

StreamError stream_error_of(int error_number);

/// The sockets of one listener, one per shard, with SO_REUSEPORT and SO_REUSEADDR; all are bound
/// before any listens. The port is bound once without SO_REUSEPORT first, so that a second instance
/// is "address in use". Port 0: the kernel picks one for all.
struct StreamListenerGroup {
  TransportAddress address;          ///< with the real port
  std::vector<LooseSocket> sockets;  ///< one per shard, in order
};
Result<StreamListenerGroup, StreamError> open_stream_listener_group(StreamSpec spec, size_t shards);

}  // namespace uturn
