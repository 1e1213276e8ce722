// Certificates: read from files with errors that an operator can act on, their names and dates.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/tls_handles.h"
#include "protocol/result.h"
#include "protocol/time.h"
#include "protocol/transport_address.h"

namespace uturn {

/// Where a certificate with its chain and its private key come from: two PEM files, or where
/// `certificate_file` is empty the two texts.
struct TlsCertificateSource {
  std::string certificate_file{};
  std::string key_file{};
  std::string certificate_pem{};
  std::string key_pem{};
};

/// What logs and metrics say of a certificate.
struct TlsCertificateFacts {
  std::string origin;              ///< the certificate's file; "made at start" without one
  std::vector<std::string> names;  ///< DNS names of its subjectAltName, lower case
  CalendarTime valid_from{};
  CalendarTime expires_at{};
  std::string subject{};  ///< "CN=turn.example.org,O=Example" (RFC 2253)
};

/// A certificate, what stands above it in the file, and its key: they belong together.
struct TlsCertificate {
  X509Handle certificate;
  X509ChainHandle chain;
  PrivateKeyHandle key;
  TlsCertificateFacts facts;
};

/// Reads and checks. The error is one line: file, reason, and where the reason is a permission, the
/// user we are and the owner and mode of what stands in the way, be it the file or a directory.
Result<TlsCertificate, std::string> read_certificate(const TlsCertificateSource& source);

/// What the other side of a session has shown; nothing before it did.
std::optional<TlsCertificateFacts> peer_certificate_of(const ssl_st* session);

/// Is `host` what a certificate's DNS name means? "*" stands for one whole leftmost label (RFC
/// 9525, Section 6.3). ASCII letters of either case are equal.
bool name_matches(std::string_view certificate_name, std::string_view host);

/// For the quick start: P-256, signed by itself, good for 30 days from an hour before `now`, since
/// clocks differ. `names` and `addresses` become its subjectAltName; at least one of them.
TlsCertificateSource make_self_signed(const std::vector<std::string>& names,
                                      const std::vector<IpAddress>& addresses, Now now);

}  // namespace uturn
