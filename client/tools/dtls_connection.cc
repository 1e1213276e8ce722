// DtlsConnection: around a DtlsSession.
#include "client/tools/dtls_connection.h"

#include <array>

namespace uturn {
namespace {

constexpr std::array<uint8_t, 3> kPadding{};

}  // namespace

bool DtlsConnection::send(Bytes header, Bytes payload, size_t padding) {
  if (has_ended()) return false;
  if (state() == State::open) return encrypt(header, payload, padding);
  return early_.add(header, payload, padding);
}

bool DtlsConnection::encrypt(Bytes header, Bytes payload, size_t padding) {
  const std::array<Bytes, 3> parts{header, payload, Bytes{kPadding}.first(padding)};
  std::array<uint8_t, DtlsSession::kMaxPlaintext + DtlsSession::kRecordOverhead> record;
  const size_t size = session_->write(parts, record);
  return size > 0 && ciphertext_.add(Bytes{record}.first(size), {}, 0);
}

void DtlsConnection::on_connected(Now) {
  session_ = DtlsSession::connect(security_.context, security_.server_name);
  transmit();
}

void DtlsConnection::on_arrived(MutableBytes bytes, FrameSink& sink, Now) {
  if (has_ended()) return;
  session_->feed(bytes);
  std::array<uint8_t, DtlsSession::kMaxPlaintext> message;
  while (const size_t size = session_->read(message)) {
    sink.on_frame(MutableBytes{message}.first(size));
  }
  transmit();
  take_state();
}

void DtlsConnection::take_state() {
  switch (session_->state()) {
    case TlsState::handshaking:
      return;
    case TlsState::open:
      become_open();
      for (; !early_.empty(); early_.remove_front()) encrypt(early_.front(), {}, 0);
      return;
    case TlsState::ended:
      return finish("connection_ended", "the server ended the association (close_notify)");
    case TlsState::failed:
      return finish("tls_failed", explain_handshake(session_->failure()));
  }
}

Instant DtlsConnection::next_deadline(Now now) const {
  return session_ && !has_ended() ? session_->next_deadline(now) : kNever;
}

void DtlsConnection::on_deadline(Now) {
  if (!session_ || has_ended()) return;
  session_->handle_timeout();
  transmit();
  take_state();
}

void DtlsConnection::transmit() {
  std::array<uint8_t, DtlsSession::kHandshakeMtu> datagram;
  while (const size_t size = session_->poll_transmit(datagram)) {
    ciphertext_.add(Bytes{datagram}.first(size), {}, 0);
  }
}

void DtlsConnection::leave() {
  if (!session_) return;
  session_->end();
  transmit();
}

std::optional<ConnectionSecurity> DtlsConnection::security() const {
  if (state() != State::open) return std::nullopt;
  return ConnectionSecurity{.version = std::string{session_->version()},
                            .cipher = std::string{session_->cipher()},
                            .alpn = std::string{session_->alpn()},
                            .certificate = session_->peer_certificate()};
}

}  // namespace uturn
