// TlsSession: OpenSSL between two spans.
//
// Also: RFC 8446, Sections 5.1 and 6.1; RFC 5246, Section 7.2.1.
#include "io/tls_session.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "io/client_tls_contexts.h"
#include "io/tls_bio.h"
#include "io/tls_identities.h"
#include "io/tls_options.h"

namespace uturn {

std::unique_ptr<TlsSession> TlsSession::accept(std::shared_ptr<const TlsContext> context,
                                               TlsBuffers& buffers) {
  SslHandle ssl = context->identities_->make_stream(*context);
  return std::unique_ptr<TlsSession>(new TlsSession(std::move(ssl), std::move(context), buffers));
}

std::unique_ptr<TlsSession> TlsSession::connect(std::shared_ptr<const ClientTlsContext> context,
                                                const std::string& server_name, TlsBuffers& buffers,
                                                const TlsTicket& ticket) {
  SslHandle ssl = context->contexts_->make_stream(server_name);
  std::unique_ptr<TlsSession> session{new TlsSession(std::move(ssl), std::move(context), buffers)};
  // One that OpenSSL refuses is as good as none.
  if (ticket != nullptr) SSL_set_session(session->ssl_.get(), ticket.get());
  session->handshake();
  return session;
}

TlsSession::TlsSession(SslHandle ssl, std::shared_ptr<const void> context, TlsBuffers& buffers)
    : context_(std::move(context)), output_(buffers), ssl_(std::move(ssl)) {
  BIO* bio = TlsBio<TlsSession>::make(*this);
  SSL_set_bio(ssl_.get(), bio, bio);
}

TlsSession::~TlsSession() = default;

void TlsSession::feed(Bytes ciphertext) {
  CHECK(input_.empty());
  if (state_ == TlsState::handshaking || state_ == TlsState::open) input_ = ciphertext;
}

size_t TlsSession::read(MutableBytes out) {
  CHECK(!out.empty());
  if (state_ == TlsState::handshaking) handshake();
  if (state_ != TlsState::open) return 0;
  ERR_clear_error();
  size_t size = 0;
  const int result = SSL_read_ex(ssl_.get(), out.data(), out.size(), &size);
  if (result == 1) return size;
  note_result(result);
  return 0;
}

size_t TlsSession::write(std::span<const Bytes> messages) {
  const bool may_write = state_ == TlsState::open || state_ == TlsState::ended;
  if (!may_write || said_end_ || !output_.empty()) return 0;
  const Bytes record = gather(messages);
  if (record.empty()) return 0;
  ERR_clear_error();
  size_t written = 0;
  const int result = SSL_write_ex(ssl_.get(), record.data(), record.size(), &written);
  if (result != 1) {
    note_result(result);
    return 0;
  }
  CHECK(written == record.size());  // an empty output has room for any record
  return written;
}

/// The messages in a row, as far as one record goes. One alone needs no copy.
Bytes TlsSession::gather(std::span<const Bytes> messages) {
  if (messages.size() == 1)
    return messages.front().first(std::min(messages.front().size(), kMaxPlaintext));
  const MutableBytes row = output_.gather().first(kMaxPlaintext);
  size_t size = 0;
  for (const Bytes message : messages) {
    const size_t part = std::min(message.size(), row.size() - size);
    std::ranges::copy(message.first(part), row.subspan(size).begin());
    size += part;
  }
  return row.first(size);
}

void TlsSession::sent(size_t size) {
  output_.remove_front(size);
  // A flight that was longer than the output goes on where it stopped.
  if (output_.empty() && state_ == TlsState::handshaking) handshake();
}

void TlsSession::end() {
  const bool is_understood = state_ == TlsState::open || state_ == TlsState::ended;
  if (said_end_ || !is_understood) return;
  said_end_ = true;
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
}

void TlsSession::move_to(TlsBuffers& buffers) {
  output_.move_to(buffers);
  input_ = {};
}

std::string_view TlsSession::alpn() const {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &name, &size);
  return text_of({name, size});
}

std::string_view TlsSession::server_name() const {
  const char* name = SSL_get_servername(ssl_.get(), TLSEXT_NAMETYPE_host_name);
  return name != nullptr ? name : std::string_view{};
}

std::string_view TlsSession::version() const { return SSL_get_version(ssl_.get()); }
std::string_view TlsSession::cipher() const { return SSL_get_cipher_name(ssl_.get()); }
std::optional<TlsCertificateFacts> TlsSession::peer_certificate() const {
  return peer_certificate_of(ssl_.get());
}
bool TlsSession::was_resumed() const { return SSL_session_reused(ssl_.get()) == 1; }

TlsTicket TlsSession::ticket() const {
  const SSL_SESSION* session = SSL_get0_session(ssl_.get());
  if (session == nullptr || SSL_SESSION_is_resumable(session) != 1) return nullptr;
  // A copy: OpenSSL makes its own unusable when the connection ends without a close_notify.
  return TlsTicket{SSL_SESSION_dup(session)};
}

size_t TlsSession::take_input(MutableBytes out) {
  const Bytes piece = input_.first(std::min(input_.size(), out.size()));
  if (state_ == TlsState::handshaking && SSL_is_server(ssl_.get()) == 1 &&
      !hello_limit_.admits(piece)) {
    fail("handshake too long");
    return 0;
  }
  std::ranges::copy(piece, out.begin());
  input_ = input_.subspan(piece.size());
  return piece.size();
}

void TlsSession::handshake() {
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  if (state_ != TlsState::handshaking) return;  // it took too much
  if (result == 1)
    state_ = TlsState::open;
  else
    note_result(result);
}

void TlsSession::note_result(int result) {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      return;
    case SSL_ERROR_ZERO_RETURN:
      state_ = TlsState::ended;
      input_ = {};
      return;
    default:
      break;
  }
  const long verdict = SSL_get_verify_result(ssl_.get());
  const bool is_distrust =
      SSL_get_verify_mode(ssl_.get()) != SSL_VERIFY_NONE && verdict != X509_V_OK;
  fail(is_distrust ? X509_verify_cert_error_string(verdict) : take_tls_error());
}

void TlsSession::fail(std::string_view why) {
  state_ = TlsState::failed;
  failure_ = why;
  input_ = {};
}

}  // namespace uturn
