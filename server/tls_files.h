// The files of TLS and DTLS: reads a certificate and its key, and says what is wrong with them.
#pragma once

#include <string>
#include <vector>

#include "protocol/result.h"
#include "protocol/time.h"
#include "server/config.h"

namespace uturn {

/// What an operator wants to know of a certificate.
struct CertificateSummary {
  std::vector<std::string> names;  ///< DNS names and addresses of subjectAltName
  CalendarTime not_before;
  CalendarTime not_after;  ///< the earliest of the certificate and its chain
};

struct TlsFileProblem {
  bool is_about_key = false;
  std::string sentence;  ///< names the file
};

/// Reads both and puts them together as a server would: a chain, its key, and both belong to each
/// other and are strong enough for this OpenSSL.
Result<CertificateSummary, TlsFileProblem> check_certificate_files(const CertificateFiles& files);

}  // namespace uturn
