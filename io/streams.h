// Streams: the contract of a loop's TCP sockets. io/stream_sockets.cc implements it for the
// kernel's loops; tests/io/stream_*_contract_test.cc hold every loop to it.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "io/loose_socket.h"
#include "protocol/bytes.h"
#include "protocol/result.h"
#include "protocol/transport_address.h"

namespace uturn {

enum class StreamError : uint8_t {
  would_block,  ///< nothing is wrong: an event follows when it is worth trying again
  ended,        ///< the other side sends no more (FIN), or write() after end_writing()
  reset,
  refused,
  timed_out,
  unreachable,
  address_in_use,
  address_not_available,  ///< not on this machine, or its four-tuple is still in TIME_WAIT
  no_permission,
  no_descriptors,        ///< of the process or the system, or the loop's table of streams is full
  family_not_supported,  ///< IPv6 on a kernel without it: nothing that waiting would change
  other,                 ///< a stale id, too
};
std::string_view text_of(StreamError error);  ///< "connection reset"

/// What a listener, or our end of an outgoing connection, shall be. IPv6 sockets are V6ONLY always,
/// and TCP_NODELAY is always set: whoever writes has put together what belongs together.
struct StreamSpec {
  TransportAddress address;  ///< port 0: any
  bool reuse_port = false;
  bool reuse_address = false;  ///< connections of before in TIME_WAIT do not matter
  bool freebind = false;       ///< the address may not be there yet
  int receive_buffer = 0;      ///< bytes; 0: the kernel's own tuning
  int send_buffer = 0;
  /// TCP_NOTSENT_LOWAT: a stream with more than that unsent is not writable, so that what waits,
  /// waits where it can still be dropped.
  uint32_t unsent_low_water = 128 * 1024;
  int backlog = 1'024;  ///< of a listener
};

/// A connection that came. Its tag is 0 until set_tag().
struct AcceptedStream {
  SocketId socket;
  uint64_t listener_tag = 0;
  TransportAddress from;
  TransportAddress to;  ///< on us, where the connection was made to
};

/// What became possible at a stream. Edges: told once, when it became so, and not again before the
/// socket said would_block. Several may fold into one, and one may be told in vain.
struct StreamEvent {
  SocketId socket;
  uint64_t tag = 0;
  bool readable = false;  ///< bytes, their end, or a failure to be read
  bool writable = false;  ///< of a connect(): the connection stands
  bool failed = false;    ///< error() says why; what was received before can still be read
};

/// The stream sockets of one loop; they belong to its thread. Reading and writing are plain calls
/// that never block: who does not read holds the sender back, and a write takes what there is room
/// for.
///
///   listen() ── on_accepted ──┐
///                             ├─> on_stream_events: read() and write() until would_block ─>
///                             close()
///   connect() ── writable ────┘
///
/// A handler that stops before would_block, because others shall have their turn, says remind().
/// Calls with a stale id do nothing and say `other`.
class Streams {
 public:
  virtual ~Streams() = default;

  /// Connections come by on_accepted(), a bounded number in each pass. Where no descriptor or
  /// memory is left they wait in the backlog, and are tried again ten times a second.
  virtual Result<SocketId, StreamError> listen(const StreamSpec& spec, uint64_t tag) = 0;
  /// Bound and listening already: one of a group (io/stream_socket.h).
  virtual Result<SocketId, StreamError> adopt_listener(LooseSocket listener, uint64_t tag) = 0;
  virtual void pause_accepting(SocketId listener) = 0;
  virtual void resume_accepting(SocketId listener) = 0;

  /// Ends as an event: writable, or failed. What is known at once is the result's failure. Of
  /// `from` everything but the backlog counts; 0.0.0.0:0 or [::]:0 leaves the address to the
  /// routes.
  virtual Result<SocketId, StreamError> connect(const StreamSpec& from, const TransportAddress& to,
                                                uint64_t tag) = 0;

  /// The change of shard: no event is told of it here any more. What the kernel has received or is
  /// still sending stays with the socket; the adopting loop tells anew what it is ready for. One
  /// that cannot be adopted is closed.
  virtual LooseSocket detach(SocketId id) = 0;
  virtual Result<SocketId, StreamError> adopt(LooseSocket stream, uint64_t tag) = 0;

  virtual void set_tag(SocketId id, uint64_t tag) = 0;
  /// Unspecified for a stale id, and as remote address of a listener.
  virtual TransportAddress local_address(SocketId id) const = 0;
  virtual TransportAddress remote_address(SocketId id) const = 0;

  /// Never 0 bytes: that is `ended`, or why the connection failed. `into` is not empty.
  virtual Result<size_t, StreamError> read(SocketId id, MutableBytes into) = 0;
  /// Takes the pieces in their order. Less than all of it: the rest would block. Never 0 bytes,
  /// unless all pieces are empty.
  virtual Result<size_t, StreamError> write(SocketId id, std::span<const Bytes> pieces) = 0;
  /// Why the stream failed; `would_block`: it did not. Said again whenever it is asked.
  virtual StreamError error(SocketId id) = 0;
  /// An event of this stream, readable and writable, is told with the next ones, and no pass waits
  /// before.
  virtual void remind(SocketId id) = 0;

  /// Sends FIN behind what was written; reading goes on.
  virtual void end_writing(SocketId id) = 0;
  /// close() sends RST and throws away what was written.
  virtual void reset_on_close(SocketId id) = 0;
  /// A stream or a listener, at once. Nothing is told of it afterwards, not even from the batch
  /// being handled: there, what is not handled yet keeps its tag but its `socket` is no longer
  /// valid. That holds for detach(), too.
  virtual void close(SocketId id) = 0;
};

}  // namespace uturn
