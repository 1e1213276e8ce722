// ByteStream: the bytes of one connection, in clear whether or not TLS carries them.
#pragma once

#include <memory>

#include "io/tls_session.h"
#include "server/streams/outgoing_queue.h"
#include "server/streams/shared_streams.h"

namespace uturn {

enum class Flushed : uint8_t {
  all,
  blocked,  ///< the socket takes no more: an event follows
  failed,   ///< the connection is of no use any more
};

/// The socket is closed with it.
///
/// Once a write has found the socket full, nothing is tried before unblock(): what comes meanwhile
/// waits in the queue, where it can still be dropped.
class ByteStream {
 public:
  ByteStream(SharedStreams& shared, SocketId socket)
      : shared_(&shared), socket_(socket), queue_(shared.outgoing) {}
  ~ByteStream() { shared_->streams.close(socket_); }
  ByteStream(const ByteStream&) = delete;
  ByteStream& operator=(const ByteStream&) = delete;

  SocketId socket() const { return socket_; }

  /// From here on the connection is TLS; `first` was read already.
  void start_tls(std::unique_ptr<TlsSession> session, Bytes first);
  const TlsSession* tls() const { return tls_.get(); }

  /// As Streams::read(), into kReadSize bytes or more, and `most` bytes of the socket at once. 0:
  /// what was read is a part of a TLS record only. `other`: TLS has failed, and why is known to its
  /// session.
  Result<size_t, StreamError> read(MutableBytes into, size_t most = kReadSize);
  /// Something that was read waits to be decrypted, in a place that all streams share: read() on,
  /// before another one is.
  bool has_unread() const { return tls_ != nullptr && !tls_->unread().empty(); }

  /// Copies it into the queue. False: it was dropped.
  bool push(const OutgoingMessage& message, Droppable droppable) {
    return queue_.push(message, droppable, shared_->now);
  }
  /// Writes what waits, as few times as can be: whole bursts in one call, and in one TLS record.
  Flushed flush();
  void unblock() { is_blocked_ = false; }
  bool has_unsent() const {
    return !queue_.empty() || (tls_ != nullptr && !tls_->pending_ciphertext().empty());
  }
  bool wants_flush() const { return !is_blocked_ && has_unsent(); }
  void drop_old() { queue_.drop_old(shared_->now); }
  Instant next_drop() const { return queue_.next_drop(); }

  /// close_notify and FIN, behind what was flushed. Reading goes on.
  void end_writing();

  /// The change of shard: for a connection with nothing unsent. What is left is an empty shell.
  struct Parts {
    LooseSocket socket;
    std::unique_ptr<TlsSession> tls;
    std::vector<uint8_t> ciphertext;  ///< read, and not decrypted
  };
  Parts take_apart();
  /// The other shard's half of it, which has adopted the socket.
  void resume_tls(std::unique_ptr<TlsSession> session, Bytes ciphertext);

 private:
  Flushed flush_records();
  Flushed write(std::span<const Bytes> pieces, size_t& written);
  void feed(Bytes ciphertext);

  SharedStreams* shared_;
  SocketId socket_;
  std::unique_ptr<TlsSession> tls_;
  OutgoingQueue queue_;
  bool is_blocked_ = false;
};

}  // namespace uturn
