// TlsIdentities: one context of OpenSSL per set of names and transport, and the callbacks that a
// handshake makes: server name, ALPN, ticket keys.
//
// Also: RFC 6066, Section 3; RFC 7301, Section 3.2; RFC 7443, Section 1; RFC 5077, Section 4.
#include "io/tls_identities.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include "io/tls_options.h"

namespace uturn {
namespace {

const TlsContext& context_of(SSL* ssl) {
  const auto* context = static_cast<const TlsContext*>(SSL_get_app_data(ssl));
  CHECK(context != nullptr);
  return *context;
}

int on_server_name(SSL* ssl, int* /*alert*/, void* identities) {
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (name == nullptr) return SSL_TLSEXT_ERR_NOACK;
  SSL_CTX* found = static_cast<const TlsIdentities*>(identities)->find(name, SSL_is_dtls(ssl) == 1);
  if (found == nullptr) return SSL_TLSEXT_ERR_NOACK;  // the first certificate answers
  return SSL_set_SSL_CTX(ssl, found) != nullptr ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

/// RFC 7301 would have a server refuse a client whose names are all unknown to it; ours is served
/// without a name, since none was ever required (RFC 7443).
int on_alpn(SSL* /*ssl*/, const unsigned char** chosen, unsigned char* chosen_size,
            const unsigned char* offered, unsigned offered_size, void* identities) {
  const auto& ours = static_cast<const TlsIdentities*>(identities)->alpn();
  // Our order decides. Without a match it points into ours, which was not offered.
  unsigned char* match = nullptr;
  const int result = SSL_select_next_proto(
      &match, chosen_size, ours.data(), static_cast<unsigned>(ours.size()), offered, offered_size);
  *chosen = match;
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

bool set_mac_key(EVP_MAC_CTX* mac, const TlsTicketKey& key) {
  char digest[] = "SHA256";
  auto mac_key = key.mac_key;
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, mac_key.data(), mac_key.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_end()};
  const bool is_set = EVP_MAC_CTX_set_params(mac, parameters) == 1;
  OPENSSL_cleanse(mac_key.data(), mac_key.size());
  return is_set;
}

/// OpenSSL's codes for a ticket's key.
enum TicketAnswer : int {
  kTicketError = -1,
  kTicketUnknown = 0,
  kTicketGood = 1,
  kTicketRenew = 2
};

int on_ticket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher_context,
              EVP_MAC_CTX* mac, int is_new) {
  static const EVP_CIPHER* const kCipher = EVP_CIPHER_fetch(nullptr, "AES-256-CBC", nullptr);
  const TlsTicketKeys& keys = *context_of(ssl).ticket_keys();
  const TlsTicketKey* key =
      is_new != 0 ? &keys.newest() : keys.find({name, keys.newest().name.size()});
  if (key == nullptr) return kTicketUnknown;
  if (is_new != 0) {
    std::ranges::copy(key->name, name);
    if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(kCipher)) != 1) return kTicketError;
  }
  if (!set_mac_key(mac, *key)) return kTicketError;
  if (EVP_CipherInit_ex(cipher_context, kCipher, nullptr, key->cipher_key.data(), iv, is_new) != 1)
    return kTicketError;
  return key == &keys.newest() ? kTicketGood : kTicketRenew;
}

/// A cookie was checked by DtlsListener before OpenSSL saw it.
int on_cookie(SSL* /*ssl*/, const unsigned char* /*cookie*/, unsigned /*size*/) { return 1; }
int on_cookie_wanted(SSL* /*ssl*/, unsigned char* /*cookie*/, unsigned* /*size*/) { return 0; }

void set_callbacks(SSL_CTX* context, TlsIdentities* identities) {
  SSL_CTX_set_tlsext_servername_callback(context, on_server_name);
  SSL_CTX_set_tlsext_servername_arg(context, identities);
  SSL_CTX_set_alpn_select_cb(context, on_alpn, identities);
  SSL_CTX_set_tlsext_ticket_key_evp_cb(context, on_ticket);
  SSL_CTX_set_cookie_verify_cb(context, on_cookie);
  SSL_CTX_set_cookie_generate_cb(context, on_cookie_wanted);
}

/// TLS 1.3 would send tickets all the same, for sessions that are kept here, and none is.
void refuse_tickets(SSL* ssl) {
  SSL_set_options(ssl, SSL_OP_NO_TICKET);
  CHECK(SSL_set_num_tickets(ssl, 0) == 1);
}

SslHandle make_session(SSL_CTX* of, const TlsContext& context) {
  SslHandle ssl{SSL_new(of)};
  CHECK(ssl != nullptr);
  SSL_set_app_data(ssl.get(), const_cast<TlsContext*>(&context));
  SSL_set_accept_state(ssl.get());
  if (context.ticket_keys() == nullptr) refuse_tickets(ssl.get());
  return ssl;
}

}  // namespace

Result<std::shared_ptr<const TlsIdentities>, std::string> TlsIdentities::load(
    const TlsSettings& settings) {
  if (settings.certificates.empty()) return Failure{std::string("no certificate is configured")};
  auto identities = std::make_shared<TlsIdentities>();
  identities->alpn_ = alpn_in_wire_form(settings.alpn);
  for (const TlsCertificateSource& source : settings.certificates) {
    const auto certificate = read_certificate(source);
    if (!certificate) return Failure{certificate.error()};
    if (const std::string wrong = identities->add(*certificate, settings); !wrong.empty())
      return Failure{"certificate " + certificate->facts.origin + ": " + wrong};
  }
  return std::shared_ptr<const TlsIdentities>(std::move(identities));
}

std::string TlsIdentities::add(const TlsCertificate& certificate, const TlsSettings& settings) {
  Identity* identity = find_like(certificate);
  if (identity == nullptr) {
    identity = &identities_.emplace_back();
    identity->names = certificate.facts.names;
    identity->stream = make_ssl_context(TlsRole::stream_server, settings.minimum_version);
    identity->datagram = make_ssl_context(TlsRole::datagram_server, settings.minimum_version);
    set_callbacks(identity->stream.get(), this);
    set_callbacks(identity->datagram.get(), this);
  }
  for (SSL_CTX* context : {identity->stream.get(), identity->datagram.get()}) {
    ERR_clear_error();
    if (SSL_CTX_use_cert_and_key(context, certificate.certificate.get(), certificate.key.get(),
                                 certificate.chain.get(), 1) != 1)
      return "cannot be used: " + std::string(take_tls_error());
  }
  identity->key_kinds.push_back(EVP_PKEY_get_base_id(certificate.key.get()));
  identity->facts.push_back(facts_.size());
  facts_.push_back(certificate.facts);
  return "";
}

/// The identity that this certificate is one more kind of key for.
TlsIdentities::Identity* TlsIdentities::find_like(const TlsCertificate& certificate) {
  const int kind = EVP_PKEY_get_base_id(certificate.key.get());
  for (Identity& identity : identities_) {
    if (identity.names == certificate.facts.names &&
        std::ranges::find(identity.key_kinds, kind) == identity.key_kinds.end())
      return &identity;
  }
  return nullptr;
}

bool TlsIdentities::Identity::matches(std::string_view server_name) const {
  return std::ranges::any_of(
      names, [server_name](const std::string& name) { return name_matches(name, server_name); });
}

const TlsIdentities::Identity* TlsIdentities::find_identity(std::string_view server_name) const {
  const auto found = std::ranges::find_if(identities_, [server_name](const Identity& identity) {
    return identity.matches(server_name);
  });
  return found == identities_.end() ? nullptr : &*found;
}

ssl_ctx_st* TlsIdentities::find(std::string_view server_name, bool datagrams) const {
  const Identity* found = find_identity(server_name);
  if (found == nullptr) return nullptr;
  return datagrams ? found->datagram.get() : found->stream.get();
}

size_t TlsIdentities::certificate_for(std::string_view server_name) const {
  const Identity* found = find_identity(server_name);
  return (found == nullptr ? identities_.front() : *found).facts.front();
}

SslHandle TlsIdentities::make_stream(const TlsContext& context) const {
  return make_session(identities_.front().stream.get(), context);
}

SslHandle TlsIdentities::make_datagram(const TlsContext& context) const {
  return make_session(identities_.front().datagram.get(), context);
}

}  // namespace uturn
