// Handles: freed by OpenSSL's own functions.
#include "io/tls_handles.h"

#include <openssl/ssl.h>

namespace uturn {

void FreeTlsObject::operator()(ssl_st* session) const { SSL_free(session); }
void FreeTlsObject::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }
void FreeTlsObject::operator()(ssl_session_st* ticket) const { SSL_SESSION_free(ticket); }
void FreeTlsObject::operator()(x509_st* certificate) const { X509_free(certificate); }
void FreeTlsObject::operator()(stack_st_X509* certificates) const {
  sk_X509_pop_free(certificates, X509_free);
}
void FreeTlsObject::operator()(evp_pkey_st* key) const { EVP_PKEY_free(key); }
void FreeTlsObject::operator()(bio_st* bio) const { BIO_free(bio); }

}  // namespace uturn
