// TlsIdentities: the certificates of a TlsContext as OpenSSL's contexts, and the choice between
// them.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "io/tls_context.h"
#include "io/tls_handles.h"

namespace uturn {

/// Immutable; shared by the TlsContexts that differ only in their ticket keys.
class TlsIdentities {
 public:
  static Result<std::shared_ptr<const TlsIdentities>, std::string> load(
      const TlsSettings& settings);

  /// A server's end that has heard nothing yet. `context` outlives it: OpenSSL's callbacks find the
  /// ticket keys through it.
  SslHandle make_stream(const TlsContext& context) const;
  SslHandle make_datagram(const TlsContext& context) const;

  const std::vector<TlsCertificateFacts>& facts() const { return facts_; }
  size_t certificate_for(std::string_view server_name) const;  ///< an index of facts()

  // OpenSSL asks these during a handshake, through callbacks.
  /// The context with the certificate for this name, null where none has it.
  ssl_ctx_st* find(std::string_view server_name, bool datagrams) const;
  /// ALPN names in wire form, ours, in our order.
  const std::vector<uint8_t>& alpn() const { return alpn_; }

 private:
  /// Certificates for the same names, with keys of different kinds.
  struct Identity {
    std::vector<std::string> names;
    std::vector<size_t> facts;  ///< indices
    std::vector<int> key_kinds;
    SslContextHandle stream;
    SslContextHandle datagram;
    bool matches(std::string_view server_name) const;
  };
  std::string add(const TlsCertificate& certificate, const TlsSettings& settings);
  Identity* find_like(const TlsCertificate& certificate);
  const Identity* find_identity(std::string_view server_name) const;

  std::vector<Identity> identities_;
  std::vector<TlsCertificateFacts> facts_;
  std::vector<uint8_t> alpn_;
};

}  // namespace uturn
