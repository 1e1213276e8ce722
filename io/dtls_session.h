// DtlsSession: one DTLS 1.2 association of either side (RFC 6347, RFC 7350), between datagrams and
// plaintext messages; no socket inside.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "io/tls_context.h"
#include "io/tls_handles.h"
#include "io/tls_state.h"
#include "protocol/bytes.h"
#include "protocol/time.h"

namespace uturn {

template <class Session>
class TlsBio;

/// Datagrams of a handshake that wait to be sent. No more than a flight: what does not fit is lost
/// as if on the way, and retransmitted in time.
class DtlsFlight {
 public:
  static constexpr size_t kMaxSize = 32 * 1024;

  void add(Bytes datagram);
  size_t take(MutableBytes out);  ///< the oldest; 0: none
  bool empty() const { return begin_ == bytes_.size(); }

 private:
  std::vector<uint8_t> bytes_;  ///< two bytes of length before each; no memory while empty
  size_t begin_ = 0;
};

/// The owner moves the datagrams:
///
///   from the client -> feed(datagram), then read(out) until it gives 0, then poll_transmit(out)
///   write(message, out) -> one datagram, for application data
///   at next_deadline() -> handle_timeout(), then poll_transmit(out)
///
/// A server's session comes from DtlsListener, after the cookie. Replayed records are dropped
/// (RFC 6347, Section 4.1.2.6), as are those that do not verify; renegotiation is refused.
///
/// A client that lost its state begins anew on the same five-tuple. The session itself ignores its
/// ClientHello; the owner asks the listener, and lets this one go when the other is open (RFC 6347,
/// Section 4.2.8):
///
///   if (is_client_hello(datagram) && !session.began_with(datagram))
///     hello = listener.on_client_hello(...);   // a cookie first, then a second session
///   else
///     session.feed(datagram);
class DtlsSession {
 public:
  static constexpr size_t kMaxPlaintext = 16'384;
  /// What a record adds: header (13), explicit nonce (8), tag (16) of the AEAD suites.
  static constexpr size_t kRecordOverhead = 37;
  /// The most a handshake puts into one datagram, as UDP payload: passes everywhere, tunnels
  /// included. Larger messages are fragmented (RFC 6347, Section 4.2.3).
  static constexpr size_t kHandshakeMtu = 1'200;
  /// What an open session keeps of OpenSSL's after release_buffers(), at most; measured by
  /// TlsMemory.ARestingDtlsSessionGivesItsBuffersBack.
  static constexpr size_t kRestingMemory = 38 * 1024;

  /// A client's end; its ClientHello is to be transmitted at once. `server_name` as in TlsSession.
  static std::unique_ptr<DtlsSession> connect(std::shared_ptr<const ClientTlsContext> context,
                                              const std::string& server_name);
  ~DtlsSession();
  DtlsSession(const DtlsSession&) = delete;
  DtlsSession& operator=(const DtlsSession&) = delete;

  /// Lends one datagram, whole; valid until read() gave 0.
  void feed(Bytes datagram);
  /// The next message out of it, at most kMaxPlaintext, which `out` must have room for. 0: no more.
  size_t read(MutableBytes out);
  /// The parts in a row as one record in `out`, which has kRecordOverhead more than they. Returns
  /// its size; 0 where it is not open, the message is empty or has more than kMaxPlaintext.
  size_t write(std::span<const Bytes> parts, MutableBytes out);
  /// The next datagram that the session itself wants to send; 0: none. `out` has room for
  /// kHandshakeMtu.
  size_t poll_transmit(MutableBytes out) { return flight_.take(out); }

  /// When the flight is sent again: after 1 s, then twice as long each time, up to 60 s (RFC 6347,
  /// Section 4.2.4.1). kNever: nothing is under way.
  ///
  /// OpenSSL keeps this timer by the system's clock and can only be asked how much is left; that is
  /// counted from `now`. So too early a handle_timeout() does nothing.
  Instant next_deadline(Now now) const;
  void handle_timeout();

  /// Says close_notify, once; it is to be transmitted. Nothing can be written afterwards.
  void end();
  /// Gives the record buffers back (34 KB of an open session's memory) until there is something to
  /// do again; for sessions that were quiet for a while.
  void release_buffers();

  /// Is this the ClientHello, perhaps sent again, that this session began with?
  bool began_with(Bytes client_hello) const;

  TlsState state() const { return state_; }
  bool is_open() const { return state_ == TlsState::open; }
  std::string_view failure() const { return failure_; }
  std::string_view alpn() const;
  std::string_view server_name() const;
  std::string_view version() const;  ///< "DTLSv1.2"
  std::string_view cipher() const;
  /// The server's, for a client; nothing before it came.
  std::optional<TlsCertificateFacts> peer_certificate() const;

 private:
  friend class DtlsListener;
  friend class TlsBio<DtlsSession>;
  DtlsSession(SslHandle ssl, std::shared_ptr<const void> context);
  size_t take_input(MutableBytes out);
  size_t give_output(Bytes datagram);
  Bytes admitted_part(Bytes datagram);
  void take_buffers();
  void handshake();
  void note_result(int result);

  std::shared_ptr<const void> context_;  ///< OpenSSL's callbacks point into it
  Bytes input_;
  MutableBytes record_;  ///< where the next datagram goes while write() runs
  size_t record_size_ = 0;
  DtlsFlight flight_;
  SslHandle ssl_;
  TlsState state_ = TlsState::handshaking;
  uint8_t early_records_ = 0;
  bool said_end_ = false;
  bool released_ = false;
  std::string_view failure_;
};

}  // namespace uturn
