// ClientSecurity: what a client believes of a server over TLS and DTLS, and what it learned.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "io/tls_context.h"
#include "io/tls_output.h"
#include "protocol/result.h"
#include "protocol/time.h"

namespace uturn {

/// What people say about it.
struct SecurityWish {
  bool insecure = false;           ///< --insecure: any certificate will do
  std::string authorities_file{};  ///< --ca; empty: the system's
};

/// What all connections of one thread share; outlives them.
struct ClientSecurity {
  std::shared_ptr<const ClientTlsContext> context;
  std::string server_name;  ///< the URI's host: the certificate has to name it (RFC 7350, 4.6.1)
  std::unique_ptr<TlsBuffers> buffers = std::make_unique<TlsBuffers>();

  /// Offers "stun.turn" or "stun.nat-discovery" (RFC 7443). The error is a sentence for people.
  static Result<ClientSecurity, std::string> make(const SecurityWish& wish, std::string server_name,
                                                  bool is_turn);
};

/// What a handshake agreed on.
struct ConnectionSecurity {
  std::string version;  ///< "TLSv1.3", "DTLSv1.2"
  std::string cipher;   ///< "TLS_AES_128_GCM_SHA256"
  std::string alpn;     ///< empty: the server chose none
  std::optional<TlsCertificateFacts> certificate;
};

/// Why a handshake came to nothing, and what may be done about it.
std::string explain_handshake(std::string_view failure);

}  // namespace uturn
