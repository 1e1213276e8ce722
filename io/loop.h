// Loop: the contract of a shard's I/O. uring_loop.cc and epoll_loop.cc implement it for the kernel,
// tests/simulation/world/simulated_loop.cc for the simulation; tests/io/loop_contract_test.cc holds
// all to it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "io/loose_socket.h"
#include "io/streams.h"
#include "protocol/bytes.h"
#include "protocol/counter.h"
#include "protocol/result.h"
#include "protocol/time.h"
#include "protocol/transport_address.h"

namespace uturn {

enum class SocketKind : uint8_t {
  listener,  ///< many senders, one address: pktinfo, GRO, large buffers
  relay,  ///< one allocation's: error queue (ICMP); small buffers until trains come, or something
          ///< was truncated
};

/// What a UDP socket shall be. IPv6 sockets are V6ONLY always.
struct UdpSocketSpec {
  SocketKind kind = SocketKind::relay;
  TransportAddress address;         ///< port 0: any
  bool reuse_port = false;          ///< one of a listener's group
  bool freebind = false;            ///< the address may not be there yet
  bool receives_later = false;      ///< holds its port only, until Loop::begin_receiving()
  int receive_buffer = 256 * 1024;  ///< bytes asked for; without CAP_NET_ADMIN the kernel caps them
  int send_buffer = 256 * 1024;
  Duration busy_poll{};  ///< of a listener: how long the kernel may poll the device; a wish
};

enum class OpenError : uint8_t {
  address_in_use,
  address_not_available,
  family_not_supported,  ///< IPv6 on a kernel without it: nothing that waiting would change
  no_permission,
  no_descriptors,  ///< of the process or the system, or the loop's socket table is full
  other,
};

/// One datagram as it arrived. Views stay valid until the pass ends, its sends included.
struct ReceivedDatagram {
  SocketId socket;
  uint64_t tag = 0;  ///< what the owner said at open() or adopt()
  TransportAddress from;
  IpAddress to;  ///< by pktinfo; the socket's own address where it is bound to one
  uint8_t dscp = 0;
  uint8_t ecn = 0;
  uint8_t ttl = 0;
  Packet packet;
};

/// One datagram to send: header, payload and `padding` zero bytes (0 to 3: the end of a Data
/// indication) back to back. Queued; header and payload must stay valid until the pass ends.
/// `ip.source` is the address to leave from; `ip.ttl` 0 is the system's default.
struct OutgoingDatagram {
  SocketId via;
  TransportAddress to;
  Bytes header;
  Bytes payload;
  IpFields ip;
  uint8_t padding = 0;
};

/// An ICMP error from a relay socket's error queue. `destination` is whom the offending datagram
/// was for.
struct IcmpError {
  SocketId socket;
  uint64_t tag = 0;
  TransportAddress destination;
  uint8_t type = 0;
  uint8_t code = 0;
  uint32_t data =
      0;  ///< the error's second word: the next hop's MTU for type 3 code 4 and ICMPv6 type 2
};

/// Counted by the loop's own thread; plain integers. Every drop the loop makes has its line here.
struct LoopCounters {
  uint64_t passes = 0;
  uint64_t datagrams_in = 0;
  Counter datagrams_out = 0;
  Counter bytes_in = 0;
  Counter bytes_out = 0;
  uint64_t truncated_drops = 0;          ///< MSG_TRUNC: payload longer than the buffer
  uint64_t control_truncated_drops = 0;  ///< MSG_CTRUNC, or no source address to be read
  uint64_t kernel_drops = 0;             ///< SO_RXQ_OVFL, summed over sockets
  uint64_t send_would_block_drops = 0;
  uint64_t send_error_drops = 0;
  uint64_t send_soft_retries = 0;  ///< a pending ICMP error hit a healthy send; repeated once
  uint64_t gso_sends = 0;          ///< sends that carried more than one datagram
  uint64_t gso_datagrams = 0;
  uint64_t gso_refused = 0;        ///< EINVAL, EMSGSIZE or EIO of a run, resent singly
  uint64_t gro_trains = 0;         ///< receives that carried more than one datagram
  uint64_t rearms = 0;             ///< multishot receives that had ended
  uint64_t buffers_exhausted = 0;  ///< ENOBUFS
  uint64_t completions_late = 0;   ///< times that some found the CQ full, and the kernel kept them
  uint64_t completions_lost = 0;   ///< the same, and the kernel had no memory to keep them
  uint64_t icmp_errors = 0;
  uint64_t batched_waits = 0;    ///< waits that asked for more than one arrival
  uint64_t busy_polls = 0;       ///< looks of a loop that spins before it sleeps
  uint64_t peers_connected = 0;  ///< connections of twins: see BusyPeers
  uint64_t twins = 0;            ///< open now

  // What is held at once, and room for how many there is; 0 where a loop has nothing of the kind.
  uint64_t completions = 0;         ///< taken from the ring
  uint64_t completions_most = 0;    ///< found in it at once
  uint64_t completion_entries = 0;  ///< its length
  uint64_t buffers = 0;             ///< to receive into
  uint64_t buffers_held_most = 0;   ///< of these, with arrivals that waited to be handled
  uint64_t sends_most = 0;          ///< datagrams queued before they were sent
  uint64_t send_entries = 0;        ///< the queue's length

  uint64_t streams = 0;  ///< connections open now
  uint64_t streams_accepted = 0;
  uint64_t streams_refused = 0;  ///< accepts that failed; most of them are tried again
  uint64_t stream_reads = 0;     ///< that brought bytes
  uint64_t stream_writes = 0;    ///< that took bytes
  uint64_t stream_bytes_in = 0;
  uint64_t stream_bytes_out = 0;
};

/// Whoever handles what a loop brings: the shard. One call per batch, not per datagram.
class LoopHandler {
 public:
  virtual ~LoopHandler() = default;
  virtual void on_datagrams(std::span<ReceivedDatagram> batch) = 0;
  virtual void on_icmp_error(const IcmpError& error) = 0;
  virtual void on_wake() = 0;  ///< somebody called wake(); several calls may fold into one

  // For whoever has streams: see io/streams.h.
  virtual void on_accepted(std::span<const AcceptedStream>) {}
  virtual void on_stream_events(std::span<const StreamEvent>) {}
};

struct LoopSettings {
  uint32_t max_sockets = 20'000;   ///< sizes the completion queue and the socket table
  uint32_t batch = 256;            ///< datagrams handled in one pass at the most
  uint32_t send_queue = 1'024;     ///< queued sends; a full queue is flushed early
  uint32_t small_buffers = 4'096;  ///< of 2 KiB payload, for relay sockets
  uint32_t large_buffers = 256;    ///< of 64 KiB payload, for GRO and whatever was truncated
  uint32_t icmp_errors_per_pass = 64;
  uint32_t twins = 2'048;  ///< second sockets for busy peers, at the most; within max_sockets
  uint32_t max_streams = 20'000;   ///< connections and their listeners: a table of their own
  uint32_t stream_events = 256;    ///< told in one pass at the most
  uint32_t accepts_per_pass = 64;  ///< of all listeners
  bool gso = true;                 ///< false: the start-up self-test failed
  bool gro = true;
  /// Under load a wait lets arrivals gather for up to this long (batch_wait.h); 0: never. Deadlines
  /// are kept; a wake() is heard when the gathering ends.
  Duration batch_wait{};
  /// How long a wait spins before it sleeps; 0: not at all. Where it is set, nothing gathers.
  Duration busy_poll{};
};

/// One shard's sockets and their I/O. Everything but wake() belongs to the thread that called
/// start().
///
/// A pass: wait until something arrives, somebody wakes, or `wake_at` is reached; read at most
/// `batch` datagrams and `icmp_errors_per_pass` errors, accept at most `accepts_per_pass`
/// connections; hand them and at most `stream_events` events to the handler; send what was queued.
/// No socket starves another: what a pass leaves is read by the next. Sending never blocks:
/// a full socket drops and counts.
class Loop {
 public:
  virtual ~Loop() = default;

  /// Called once in the thread that will run the passes, before any other call but wake(), open()
  /// and adopt().
  virtual void start() = 0;

  virtual Result<SocketId, OpenError> open(const UdpSocketSpec& spec, uint64_t tag) = 0;
  /// Takes over a loose socket. `discard_queued`: what was queued by then is thrown away (a
  /// listener's group).
  virtual Result<SocketId, OpenError> adopt(LooseSocket socket, const UdpSocketSpec& spec,
                                            uint64_t tag, bool discard_queued) = 0;
  /// The other way round. What is queued in the kernel stays there; what was read from it by now
  /// is still delivered, in this pass or the next ones, with the old id and tag. That id is stale
  /// for everything else, and the errors of its sends are not told any more.
  virtual LooseSocket detach(SocketId id) = 0;
  /// Once for a socket whose `spec` (as it was opened with) said that it receives later: until then
  /// the kernel keeps a datagram or two of what comes and drops the others, and nobody is woken.
  /// What came before is not delivered. False: the kernel has no room for it.
  virtual bool begin_receiving(SocketId id, const UdpSocketSpec& spec) = 0;
  virtual void close_loose(LooseSocket socket) = 0;
  /// Nothing of this socket is delivered afterwards, not even from the batch being handled: there,
  /// what is not handled yet keeps its tag but its `socket` is no longer valid. What the socket has
  /// queued is sent first.
  virtual void close(SocketId id) = 0;
  virtual TransportAddress local_address(SocketId id) const = 0;

  /// Queues. A stale id is ignored and counted. `ip.dont_fragment`: the queue is flushed first and
  /// the datagram goes out alone (IPv4: between two setsockopt calls; IPv6: by control message).
  virtual void send(const OutgoingDatagram& datagram) = 0;
  /// A buffer for an answer, at least `size` bytes (up to 2048), valid until the pass ends. Lending
  /// more than the send queue is long flushes early.
  virtual MutableBytes lend(size_t size) = 0;

  /// The stream sockets of this loop. Their ids are not those of datagram sockets: a call of the
  /// one kind never means a socket of the other.
  virtual Streams& streams() = 0;

  virtual void run_pass(LoopHandler& handler, Instant wake_at) = 0;
  virtual void
  flush() = 0;  ///< sends what is queued; run_pass() does it before it waits and at its end

  virtual Now now()
      const = 0;  ///< the clocks: monotonic, and the calendar as it was at start carried on
  virtual void wake() = 0;  ///< from any thread

  virtual const LoopCounters& counters() const = 0;
  virtual std::string_view name() const = 0;  ///< "io_uring", "epoll", "simulated"
};

}  // namespace uturn
