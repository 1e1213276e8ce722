// TlsSession: one TLS connection of either side, between ciphertext and plaintext; no socket
// inside.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "io/tls_context.h"
#include "io/tls_handles.h"
#include "io/tls_hello_limit.h"
#include "io/tls_output.h"
#include "io/tls_state.h"
#include "protocol/bytes.h"

namespace uturn {

template <class Session>
class TlsBio;

/// The owner moves the bytes:
///
///   socket -> feed(ciphertext), then read(plaintext) until it gives 0
///   write(messages) -> pending_ciphertext() -> socket, then sent(how many it took)
///
/// After feed(), read(), write(), sent() and end() something may be pending. An idle session holds
/// no buffer: memory of an open one that waits is kIdleMemory or less, all of it OpenSSL's
/// (SSL_MODE_RELEASE_BUFFERS). Belongs to one thread, as its TlsBuffers do.
class TlsSession {
 public:
  static constexpr size_t kMaxPlaintext = 16'384;  ///< of one record (RFC 8446, Section 5.1)
  /// Measured with OpenSSL 3.0: 13 KiB, by TlsMemory.IdleSessionIsSmall.
  static constexpr size_t kIdleMemory = 16 * 1024;
  /// While it shakes hands, with a client that stops there; TlsHostile.AHalfOpenHandshakeIsBounded.
  static constexpr size_t kHandshakeMemory = 64 * 1024;

  /// A server's end. `buffers` are those of the shard and outlive it.
  static std::unique_ptr<TlsSession> accept(std::shared_ptr<const TlsContext> context,
                                            TlsBuffers& buffers);
  /// A client's end; what it says first is pending at once. `server_name` is a host name (then it
  /// is sent as SNI) or an IP address; where the context verifies, the certificate must name it.
  static std::unique_ptr<TlsSession> connect(std::shared_ptr<const ClientTlsContext> context,
                                             const std::string& server_name, TlsBuffers& buffers,
                                             const TlsTicket& ticket = nullptr);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  /// Lends what arrived; it is read in place. Valid until read() gave 0, and before that nothing
  /// else may be fed: who stops earlier keeps a copy of unread() and feeds it when going on.
  void feed(Bytes ciphertext);
  Bytes unread() const { return input_; }

  /// Decrypts into `out` and carries the handshake on. 0: more has to be fed, or state() is ended
  /// or failed, or too much is pending already (a peer that makes us answer and does not read):
  /// then unread() is not empty, and reading goes on when it was sent.
  size_t read(MutableBytes out);

  /// Gathers messages into one record. Returns the bytes taken, over the messages as if they lay in
  /// a row: at most kMaxPlaintext, and 0 where the former record is still pending, the handshake
  /// goes on, the session has failed, or end() was said; the other side's end alone is none of ours
  /// (RFC 8446, Section 6.1). Whoever was told less than all writes the rest later.
  size_t write(std::span<const Bytes> messages);

  Bytes pending_ciphertext() const { return output_.bytes(); }
  void sent(size_t size);  ///< the first so many of the pending bytes are gone

  /// Says close_notify, once; nothing can be written afterwards, while reading goes on. Before the
  /// handshake is done nobody would understand it, and nothing is said.
  void end();

  /// To another shard, with nothing pending; what is unread is for the caller to feed again.
  void move_to(TlsBuffers& buffers);

  TlsState state() const { return state_; }
  bool is_open() const { return state_ == TlsState::open; }
  std::string_view failure() const { return failure_; }  ///< "unsupported protocol"; for debug logs
  std::string_view alpn() const;                         ///< empty: none was agreed on
  std::string_view server_name() const;  ///< what the client asked for; may be empty
  std::string_view version() const;      ///< "TLSv1.3"
  std::string_view cipher() const;       ///< "TLS_AES_128_GCM_SHA256"
  /// The server's, for a client; nothing before it came.
  std::optional<TlsCertificateFacts> peer_certificate() const;
  bool was_resumed() const;  ///< by a ticket
  /// A client's latest ticket, for its next connection; null where none came.
  TlsTicket ticket() const;

 private:
  friend class TlsBio<TlsSession>;
  TlsSession(SslHandle ssl, std::shared_ptr<const void> context, TlsBuffers& buffers);
  size_t take_input(MutableBytes out);
  size_t give_output(Bytes bytes) { return output_.append(bytes); }
  Bytes gather(std::span<const Bytes> messages);
  void handshake();
  void note_result(int result);
  void fail(std::string_view why);

  std::shared_ptr<const void> context_;  ///< OpenSSL's callbacks point into it
  TlsHelloLimit hello_limit_;
  Bytes input_;
  TlsOutput output_;
  SslHandle ssl_;
  TlsState state_ = TlsState::handshaking;
  bool said_end_ = false;
  std::string_view failure_;
};

}  // namespace uturn
