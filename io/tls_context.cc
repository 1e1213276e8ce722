// TlsContext and ClientTlsContext: what they are told, handed to OpenSSL.
#include "io/tls_context.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "io/client_tls_contexts.h"
#include "io/tls_identities.h"
#include "io/tls_options.h"

namespace uturn {

TlsContext::TlsContext(std::shared_ptr<const TlsIdentities> identities,
                       std::shared_ptr<const TlsTicketKeys> ticket_keys)
    : identities_(std::move(identities)),
      ticket_keys_(std::move(ticket_keys)) {}  // null: no session is resumed

TlsContext::~TlsContext() = default;

Result<std::shared_ptr<const TlsContext>, std::string> TlsContext::load(
    const TlsSettings& settings, std::shared_ptr<const TlsTicketKeys> ticket_keys) {
  auto identities = TlsIdentities::load(settings);
  if (!identities) return Failure{identities.error()};
  return std::shared_ptr<const TlsContext>(
      new TlsContext(std::move(*identities), std::move(ticket_keys)));
}

Result<std::shared_ptr<const TlsContext>, std::string> TlsContext::reloaded(
    const TlsSettings& settings) const {
  return load(settings, ticket_keys_);
}

std::shared_ptr<const TlsContext> TlsContext::with_ticket_keys(
    std::shared_ptr<const TlsTicketKeys> ticket_keys) const {
  return std::shared_ptr<const TlsContext>(new TlsContext(identities_, std::move(ticket_keys)));
}

std::span<const TlsCertificateFacts> TlsContext::certificates() const {
  return identities_->facts();
}

CalendarTime TlsContext::expires_at() const {
  return std::ranges::min(identities_->facts(), {}, &TlsCertificateFacts::expires_at).expires_at;
}

const TlsCertificateFacts& TlsContext::certificate_for(std::string_view server_name) const {
  return identities_->facts()[identities_->certificate_for(server_name)];
}

namespace {

SslContextHandle make_client_context(TlsRole role, const ClientTlsSettings& settings) {
  SslContextHandle context = make_ssl_context(role, settings.minimum_version);
  const auto alpn = alpn_in_wire_form(settings.alpn);
  if (!alpn.empty())
    CHECK(SSL_CTX_set_alpn_protos(context.get(), alpn.data(), static_cast<unsigned>(alpn.size())) ==
          0);
  if (role == TlsRole::stream_client && settings.maximum_version == TlsVersion::tls1_2)
    CHECK(SSL_CTX_set_max_proto_version(context.get(), TLS1_2_VERSION) == 1);
  SSL_CTX_set_verify(context.get(), settings.verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  return context;
}

std::string set_authorities(SSL_CTX* context, const ClientTlsSettings& settings) {
  if (!settings.verify) return "";
  ERR_clear_error();
  const int result = settings.authorities_file.empty()
                         ? SSL_CTX_set_default_verify_paths(context)
                         : SSL_CTX_load_verify_file(context, settings.authorities_file.c_str());
  if (result == 1) return "";
  return "certificate authorities " + settings.authorities_file + ": " +
         std::string(take_tls_error());
}

}  // namespace

Result<std::shared_ptr<const ClientTlsContext>, std::string> ClientTlsContext::make(
    const ClientTlsSettings& settings) {
  auto contexts = std::make_unique<Contexts>();
  contexts->stream = make_client_context(TlsRole::stream_client, settings);
  contexts->datagram = make_client_context(TlsRole::datagram_client, settings);
  contexts->verify = settings.verify;
  for (SSL_CTX* context : {contexts->stream.get(), contexts->datagram.get()}) {
    if (const std::string wrong = set_authorities(context, settings); !wrong.empty())
      return Failure{wrong};
  }
  return std::shared_ptr<const ClientTlsContext>(new ClientTlsContext(std::move(contexts)));
}

ClientTlsContext::ClientTlsContext(std::unique_ptr<const Contexts> contexts)
    : contexts_(std::move(contexts)) {}
ClientTlsContext::~ClientTlsContext() = default;

}  // namespace uturn
