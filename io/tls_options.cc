// What every OpenSSL context of ours is set to.
//
// Also: RFC 8489, Section 6.2.3; RFC 7350, Section 3; RFC 9325 (BCP 195).
#include "io/tls_options.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

namespace uturn {
namespace {

/// The system's choice without what BCP 195 advises against: static RSA, CBC, SHA-1. What is left
/// of TLS 1.2 are AEAD suites with ephemeral keys. Those of TLS 1.3 are the system's.
constexpr const char* kCipherList = "DEFAULT:!kRSA:!kPSK:!kSRP:!aNULL:!SHA1:!SHA256:!SHA384";

/// A client hello, a key share and a Finished are far smaller; nobody is asked for a certificate.
/// What a certificate chain of a server may take is a client's concern.
constexpr long kServerMaxCertificates = 4'096;
constexpr long kClientMaxCertificates = 64 * 1024;

const SSL_METHOD* method_of(TlsRole role) {
  switch (role) {
    case TlsRole::stream_server:
      return TLS_server_method();
    case TlsRole::datagram_server:
      return DTLS_server_method();
    case TlsRole::stream_client:
      return TLS_client_method();
    case TlsRole::datagram_client:
      break;
  }
  return DTLS_client_method();
}

/// DHE has to be there (RFC 8489, Section 6.2.3). Its cost is the client's choice, so the group is
/// the smallest that is safe (RFC 7919, Section 2), not one that grows with the certificate's key.
void set_dhe_group(SSL_CTX* context) {
  EVP_PKEY_CTX* maker = EVP_PKEY_CTX_new_from_name(nullptr, "DH", nullptr);
  CHECK(maker != nullptr && EVP_PKEY_paramgen_init(maker) == 1);
  char group[] = "ffdhe2048";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
      OSSL_PARAM_construct_end()};
  EVP_PKEY* made = nullptr;
  CHECK(EVP_PKEY_CTX_set_params(maker, parameters) == 1);
  CHECK(EVP_PKEY_paramgen(maker, &made) == 1);
  CHECK(SSL_CTX_set0_tmp_dh_pkey(context, made) == 1);
  EVP_PKEY_CTX_free(maker);
}

void set_server_options(SSL_CTX* context) {
  // Tickets are all that is kept of a session, and the clients keep them.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_timeout(context, TlsTicketKeys::kTicketLifetime.count());
  constexpr std::string_view kSessionContext = "uturn";
  CHECK(SSL_CTX_set_session_id_context(
            context, reinterpret_cast<const unsigned char*>(kSessionContext.data()),
            kSessionContext.size()) == 1);
  SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);
  SSL_CTX_set_max_early_data(context, 0);
  SSL_CTX_set_max_cert_list(context, kServerMaxCertificates);
  set_dhe_group(context);
}

}  // namespace

SslContextHandle make_ssl_context(TlsRole role, TlsVersion minimum_version) {
  SslContextHandle handle{SSL_CTX_new(method_of(role))};
  SSL_CTX* context = handle.get();
  CHECK(context != nullptr);
  const bool datagrams = role == TlsRole::datagram_server || role == TlsRole::datagram_client;
  const int minimum = minimum_version == TlsVersion::tls1_3 ? TLS1_3_VERSION : TLS1_2_VERSION;
  CHECK(SSL_CTX_set_min_proto_version(context, datagrams ? DTLS1_2_VERSION : minimum) == 1);
  CHECK(SSL_CTX_set_cipher_list(context, kCipherList) == 1);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  if (datagrams) SSL_CTX_set_options(context, SSL_OP_NO_QUERY_MTU);
  if (role == TlsRole::stream_server || role == TlsRole::datagram_server)
    set_server_options(context);
  else
    SSL_CTX_set_max_cert_list(context, kClientMaxCertificates);
  return handle;
}

std::vector<uint8_t> alpn_in_wire_form(const std::vector<std::string>& names) {
  std::vector<uint8_t> wire;
  for (const std::string& name : names) {
    if (name.empty() || name.size() > 255) continue;
    wire.push_back(static_cast<uint8_t>(name.size()));
    wire.insert(wire.end(), name.begin(), name.end());
  }
  return wire;
}

std::string_view take_tls_error() {
  const char* reason = ERR_reason_error_string(ERR_peek_error());
  ERR_clear_error();
  return reason != nullptr ? reason : "unknown error";
}

}  // namespace uturn
