// A client's session: SNI, and the name that the server's certificate must have.
//
// Also: RFC 8489, Section 6.2.3; RFC 9525, Section 6.
#include "io/client_tls_contexts.h"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "protocol/transport_address.h"

namespace uturn {
namespace {

SslHandle make_session(SSL_CTX* of, const std::string& server_name, bool verify) {
  SslHandle ssl{SSL_new(of)};
  CHECK(ssl != nullptr);
  SSL_set_connect_state(ssl.get());
  CHECK(!verify || !server_name.empty());  // any certificate would do
  if (server_name.empty()) return ssl;
  // A literal address is no host name: it is not sent (RFC 6066, Section 3).
  const bool is_address = IpAddress::parse(server_name).has_value();
  if (!is_address && server_name.size() <= TLSEXT_MAXLEN_host_name)
    CHECK(SSL_set_tlsext_host_name(ssl.get(), server_name.c_str()) == 1);
  if (!verify) return ssl;
  X509_VERIFY_PARAM* wanted = SSL_get0_param(ssl.get());
  X509_VERIFY_PARAM_set_hostflags(wanted, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  CHECK((is_address ? X509_VERIFY_PARAM_set1_ip_asc(wanted, server_name.c_str())
                    : X509_VERIFY_PARAM_set1_host(wanted, server_name.c_str(), 0)) == 1);
  return ssl;
}

}  // namespace

SslHandle ClientTlsContext::Contexts::make_stream(const std::string& server_name) const {
  return make_session(stream.get(), server_name, verify);
}

SslHandle ClientTlsContext::Contexts::make_datagram(const std::string& server_name) const {
  return make_session(datagram.get(), server_name, verify);
}

}  // namespace uturn
