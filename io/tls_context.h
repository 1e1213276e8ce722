// TlsContext: the certificates, ALPN names, versions and ticket keys that a server accepts TLS and
// DTLS with; ClientTlsContext: what a client connects with.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "io/tls_certificate.h"
#include "io/tls_ticket_keys.h"
#include "protocol/result.h"
#include "protocol/time.h"

namespace uturn {

class TlsIdentities;

enum class TlsVersion : uint8_t { tls1_2, tls1_3 };

struct TlsSettings {
  /// The first is for clients that ask for no name, or for one that none has. At least one.
  std::vector<TlsCertificateSource> certificates{};
  /// In the order we prefer them: "stun.turn", "stun.nat-discovery" (RFC 7443).
  std::vector<std::string> alpn{};
  /// Of TLS. DTLS is 1.2 either way: OpenSSL 3.0 has no later one.
  TlsVersion minimum_version = TlsVersion::tls1_2;
};

/// Immutable and shared by all shards. A reload or a rotation makes another one: whoever accepts
/// takes the new one from then on, and sessions that began with the former keep it alive.
///
/// What the shards share in it is touched by handshakes only: reference counts of OpenSSL's
/// objects, and its locks around the private key and around the look-up of algorithms. A record
/// touches nothing but its own session.
///
/// - TLS 1.2 and 1.3, DTLS 1.2. AEAD suites with ephemeral keys only, DHE beside ECDHE (RFC 8489,
///   Section 6.2.3). Neither compression nor renegotiation nor early data nor client certificates.
/// - SNI: the certificate that names the host (RFC 9525, Section 6.3), else the first. Certificates
///   with the same names and other kinds of key are one choice: the client's signature algorithms
///   tell which of them it gets.
/// - ALPN: our first that the client offers. A client that offers none of ours is served without
///   (RFC 7443 never asks for more).
/// - Tickets: with `ticket_keys()`, none where that is null; nothing of a session is kept here.
class TlsContext {
 public:
  /// The error names the file, what is wrong with it, and for a lack of permission who we are, and
  /// whose the file is. A certificate that has expired is none: see certificates().
  static Result<std::shared_ptr<const TlsContext>, std::string> load(
      const TlsSettings& settings, std::shared_ptr<const TlsTicketKeys> ticket_keys);

  /// The same with other certificates: tickets go on. On error this one is as good as it was.
  Result<std::shared_ptr<const TlsContext>, std::string> reloaded(
      const TlsSettings& settings) const;
  /// The same with other ticket keys.
  std::shared_ptr<const TlsContext> with_ticket_keys(
      std::shared_ptr<const TlsTicketKeys> ticket_keys) const;

  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  std::span<const TlsCertificateFacts> certificates() const;  ///< in the order of the settings
  /// Of the certificate that expires first.
  CalendarTime expires_at() const;
  /// Which certificate a client gets that asks for this name.
  const TlsCertificateFacts& certificate_for(std::string_view server_name) const;
  const std::shared_ptr<const TlsTicketKeys>& ticket_keys() const { return ticket_keys_; }

 private:
  friend class TlsSession;
  friend class DtlsListener;
  TlsContext(std::shared_ptr<const TlsIdentities> identities,
             std::shared_ptr<const TlsTicketKeys> ticket_keys);

  std::shared_ptr<const TlsIdentities> identities_;
  std::shared_ptr<const TlsTicketKeys> ticket_keys_;
};

struct ClientTlsSettings {
  /// false: whoever answers is believed, for tests and for servers with self-signed certificates.
  bool verify = true;
  std::string authorities_file{};  ///< PEM; empty: the system's
  std::vector<std::string> alpn{};
  TlsVersion minimum_version = TlsVersion::tls1_2;
  std::optional<TlsVersion> maximum_version{};
};

class ClientTlsContext {
 public:
  static Result<std::shared_ptr<const ClientTlsContext>, std::string> make(
      const ClientTlsSettings& settings);
  ~ClientTlsContext();
  ClientTlsContext(const ClientTlsContext&) = delete;
  ClientTlsContext& operator=(const ClientTlsContext&) = delete;

 private:
  friend class TlsSession;
  friend class DtlsSession;
  struct Contexts;
  explicit ClientTlsContext(std::unique_ptr<const Contexts> contexts);
  std::unique_ptr<const Contexts> contexts_;
};

}  // namespace uturn
