// DtlsListener: a cookie for whoever has none, a session for whoever brings it.
//
// Also: RFC 6347, Section 4.2.1; RFC 7350, Sections 4.1 and 4.6; RFC 8489, Section 13.
#include "io/dtls_listener.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "io/dtls_hello.h"
#include "io/tls_identities.h"

namespace uturn {
namespace {

/// OpenSSL reads the ClientHello and remembers where its sequence numbers stand, so that the
/// ServerHello carries the record's (RFC 6347, Section 4.2.1). False: it is not one after all.
bool listen(SSL* ssl) {
  BIO_ADDR* nobody = BIO_ADDR_new();
  CHECK(nobody != nullptr);
  ERR_clear_error();
  const int result = DTLSv1_listen(ssl, nobody);
  ERR_clear_error();
  BIO_ADDR_free(nobody);
  return result == 1;
}

}  // namespace

bool is_client_hello(Bytes datagram) { return read_client_hello(datagram).has_value(); }

DtlsListener::DtlsListener(std::shared_ptr<const TlsContext> context, Now now)
    : context_(std::move(context)), cookies_(now) {}

DtlsListener::~DtlsListener() = default;

void DtlsListener::set_context(std::shared_ptr<const TlsContext> context) {
  context_ = std::move(context);
}

DtlsHello DtlsListener::on_client_hello(Bytes datagram, const FiveTuple& five_tuple,
                                        MutableBytes out, Now now) {
  const auto hello = read_client_hello(datagram);
  if (!hello) return DtlsIgnored{};
  cookies_.rotate_if_due(now);
  // A cookie that is not valid is treated like none (RFC 6347, Section 4.2.1).
  if (!cookies_.check(hello->cookie, five_tuple))
    return Bytes{out.first(write_hello_verify_request(*hello, cookies_.make(five_tuple), out))};

  SslHandle ssl = context_->identities_->make_datagram(*context_);
  std::unique_ptr<DtlsSession> session{new DtlsSession(std::move(ssl), context_)};
  session->input_ = datagram;
  if (!listen(session->ssl_.get())) return DtlsIgnored{};
  session->handshake();
  session->input_ = {};
  return session;
}

}  // namespace uturn
