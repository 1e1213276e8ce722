// DtlsSession: OpenSSL between datagrams.
//
// Also: RFC 6347, Sections 4.1.2.6, 4.2.3, 4.2.4 and 4.2.8.
#include "io/dtls_session.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/time.h>

#include "io/client_tls_contexts.h"
#include "io/dtls_hello.h"
#include "io/tls_bio.h"
#include "io/tls_options.h"

namespace uturn {
namespace {

constexpr size_t kLengthSize = 2;

/// OpenSSL keeps records of the next epoch until it comes, each in a buffer of 17 KB, and a
/// datagram may hold a hundred. A Finished that overtook its ChangeCipherSpec is one; what is
/// dropped here comes again behind it.
constexpr uint8_t kMaxEarlyRecords = 4;

}  // namespace

void DtlsFlight::add(Bytes datagram) {
  if (bytes_.size() - begin_ + kLengthSize + datagram.size() > kMaxSize) return;
  const auto size = static_cast<uint16_t>(datagram.size());
  bytes_.push_back(static_cast<uint8_t>(size >> 8));
  bytes_.push_back(static_cast<uint8_t>(size));
  bytes_.insert(bytes_.end(), datagram.begin(), datagram.end());
}

size_t DtlsFlight::take(MutableBytes out) {
  if (empty()) return 0;
  const size_t size = load_be16(&bytes_[begin_]);
  CHECK(size <= out.size());
  std::copy_n(&bytes_[begin_ + kLengthSize], size, out.begin());
  begin_ += kLengthSize + size;
  if (empty()) {
    bytes_ = {};
    begin_ = 0;
  }
  return size;
}

std::unique_ptr<DtlsSession> DtlsSession::connect(std::shared_ptr<const ClientTlsContext> context,
                                                  const std::string& server_name) {
  SslHandle ssl = context->contexts_->make_datagram(server_name);
  std::unique_ptr<DtlsSession> session{new DtlsSession(std::move(ssl), std::move(context))};
  session->handshake();
  return session;
}

DtlsSession::DtlsSession(SslHandle ssl, std::shared_ptr<const void> context)
    : context_(std::move(context)), ssl_(std::move(ssl)) {
  BIO* bio = TlsBio<DtlsSession>::make(*this);
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_mtu(ssl_.get(), static_cast<long>(kHandshakeMtu));
}

DtlsSession::~DtlsSession() = default;

void DtlsSession::feed(Bytes datagram) {
  if (state_ == TlsState::handshaking) input_ = admitted_part(datagram);
  if (state_ == TlsState::open) input_ = datagram;
}

size_t DtlsSession::read(MutableBytes out) {
  CHECK(out.size() >= kMaxPlaintext);  // a message that is read in parts would become several
  take_buffers();
  if (state_ == TlsState::handshaking) handshake();
  size_t size = 0;
  if (state_ == TlsState::open) {
    ERR_clear_error();
    const int result = SSL_read_ex(ssl_.get(), out.data(), out.size(), &size);
    if (result != 1) note_result(result);
  }
  if (size == 0) input_ = {};  // it was lent until here, whether OpenSSL wanted it or not
  return size;
}

size_t DtlsSession::write(std::span<const Bytes> parts, MutableBytes out) {
  size_t size = 0;
  for (const Bytes part : parts) size += part.size();
  if (state_ != TlsState::open || said_end_ || size == 0 || size > kMaxPlaintext) return 0;
  CHECK(out.size() >= size + kRecordOverhead);
  take_buffers();
  // The parts are laid in a row where the record will be: OpenSSL has copied them by then.
  size_t laid = 0;
  for (const Bytes part : parts) {
    std::ranges::copy(part, out.subspan(laid).begin());
    laid += part.size();
  }
  record_ = out;
  record_size_ = 0;
  ERR_clear_error();
  size_t written = 0;
  const int result = SSL_write_ex(ssl_.get(), out.data(), size, &written);
  record_ = {};
  if (result != 1) note_result(result);
  return result == 1 ? record_size_ : 0;
}

// The schedule is OpenSSL's own, which is the RFC's; DTLS_set_timer_cb could change its steps, but
// not the clock (gettimeofday) that they are measured by.
Instant DtlsSession::next_deadline(Now now) const {
  timeval left{};
  if (state_ != TlsState::handshaking || DTLSv1_get_timeout(ssl_.get(), &left) != 1) return kNever;
  return now.monotonic + std::chrono::seconds(left.tv_sec) +
         std::chrono::microseconds(left.tv_usec);
}

void DtlsSession::handle_timeout() {
  if (state_ != TlsState::handshaking) return;
  ERR_clear_error();
  const int result = DTLSv1_handle_timeout(ssl_.get());
  if (result < 0) note_result(result);
}

void DtlsSession::end() {
  const bool is_understood = state_ == TlsState::open || state_ == TlsState::ended;
  if (said_end_ || !is_understood) return;
  said_end_ = true;
  take_buffers();
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
}

void DtlsSession::release_buffers() {
  if (state_ == TlsState::open && !released_) released_ = SSL_free_buffers(ssl_.get()) == 1;
}

void DtlsSession::take_buffers() {
  if (released_) CHECK(SSL_alloc_buffers(ssl_.get()) == 1);
  released_ = false;
}

bool DtlsSession::began_with(Bytes client_hello) const {
  const auto hello = read_client_hello(client_hello);
  std::array<uint8_t, 32> random{};
  SSL_get_client_random(ssl_.get(), random.data(), random.size());
  return hello && equal(hello->random, random);
}

std::string_view DtlsSession::alpn() const {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &name, &size);
  return text_of({name, size});
}

std::string_view DtlsSession::server_name() const {
  const char* name = SSL_get_servername(ssl_.get(), TLSEXT_NAMETYPE_host_name);
  return name != nullptr ? name : std::string_view{};
}

std::string_view DtlsSession::version() const { return SSL_get_version(ssl_.get()); }
std::string_view DtlsSession::cipher() const { return SSL_get_cipher_name(ssl_.get()); }
std::optional<TlsCertificateFacts> DtlsSession::peer_certificate() const {
  return peer_certificate_of(ssl_.get());
}

size_t DtlsSession::take_input(MutableBytes out) {
  const size_t size = std::min(input_.size(), out.size());
  std::ranges::copy(input_.first(size), out.begin());
  input_ = {};  // what did not fit was longer than any record
  return size;
}

size_t DtlsSession::give_output(Bytes datagram) {
  if (record_.empty() || record_size_ != 0) {
    flight_.add(datagram);
  } else {
    CHECK(datagram.size() <= record_.size());
    std::ranges::copy(datagram, record_.begin());
    record_size_ = datagram.size();
  }
  return datagram.size();
}

/// The records up to where too many of the next epoch have come.
Bytes DtlsSession::admitted_part(Bytes datagram) {
  size_t end = 0;
  while (datagram.size() - end >= kDtlsRecordHeader) {
    const bool is_early = load_be16(&datagram[end + 3]) != 0;
    if (is_early && early_records_ == kMaxEarlyRecords) break;
    if (is_early) ++early_records_;
    end +=
        std::min<size_t>(kDtlsRecordHeader + load_be16(&datagram[end + 11]), datagram.size() - end);
  }
  return datagram.first(end);
}

void DtlsSession::handshake() {
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  if (result == 1)
    state_ = TlsState::open;
  else
    note_result(result);
}

void DtlsSession::note_result(int result) {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      return;
    case SSL_ERROR_ZERO_RETURN:
      state_ = TlsState::ended;
      return;
    default:
      break;
  }
  const long verdict = SSL_get_verify_result(ssl_.get());
  const bool is_distrust =
      SSL_get_verify_mode(ssl_.get()) != SSL_VERIFY_NONE && verdict != X509_V_OK;
  state_ = TlsState::failed;
  failure_ = is_distrust ? X509_verify_cert_error_string(verdict) : take_tls_error();
}

}  // namespace uturn
