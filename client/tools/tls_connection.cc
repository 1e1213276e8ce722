// TlsConnection: a FrameReader behind a TlsSession.
#include "client/tools/tls_connection.h"

#include <array>

namespace uturn {

bool TlsConnection::send(Bytes header, Bytes payload, size_t padding) {
  return !has_ended() && plaintext_.add(header, payload, padding);
}

void TlsConnection::on_connected(Now) {
  session_ = TlsSession::connect(security_.context, security_.server_name, *security_.buffers);
}

void TlsConnection::on_arrived(MutableBytes bytes, FrameSink& sink, Now) {
  if (has_ended()) return;
  session_->feed(bytes);
  std::array<uint8_t, TlsSession::kMaxPlaintext> plaintext;
  bool is_turn = true;
  while (is_turn) {
    const size_t size = session_->read(plaintext);
    if (size == 0) break;
    is_turn = frames_.feed(MutableBytes{plaintext}.first(size),
                           [&sink](MutableBytes frame) { sink.on_frame(frame); });
  }
  take_state();
  if (!is_turn) return finish("not_turn", "the server says something else than STUN");
  if (session_->unread().empty()) return;
  finish("tls_failed", "the server makes us answer more than it reads");
}

void TlsConnection::take_state() {
  switch (session_->state()) {
    case TlsState::handshaking:
      return;
    case TlsState::open:
      return become_open();
    case TlsState::ended:
      return finish("connection_ended", "the server ended the connection (close_notify)");
    case TlsState::failed:
      return finish("tls_failed", explain_handshake(session_->failure()));
  }
}

Bytes TlsConnection::outgoing() {
  if (!session_) return {};
  if (session_->pending_ciphertext().empty() && state() == State::open) {
    const Bytes waiting = plaintext_.waiting();
    if (!waiting.empty()) plaintext_.take(session_->write({&waiting, 1}));
  }
  return session_->pending_ciphertext();  // the alert of a failure, too
}

void TlsConnection::leave() {
  if (session_) session_->end();
}

std::optional<ConnectionSecurity> TlsConnection::security() const {
  if (state() != State::open) return std::nullopt;
  return ConnectionSecurity{.version = std::string{session_->version()},
                            .cipher = std::string{session_->cipher()},
                            .alpn = std::string{session_->alpn()},
                            .certificate = session_->peer_certificate()};
}

}  // namespace uturn
