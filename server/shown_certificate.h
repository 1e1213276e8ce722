// ShownCertificate: what metrics say of the certificate that an HTTP server of ours shows.
#pragma once

#include <mutex>
#include <optional>

#include "io/tls_certificate.h"
#include "server/http/http_server.h"

namespace uturn {

/// Noted by the main thread, asked by any.
class ShownCertificate {
 public:
  /// What stands in the files that have just been loaded; one that cannot be read any more leaves
  /// what was noted before.
  void note(const HttpTlsFiles& files) {
    if (files.certificate.empty()) return;
    auto read = read_certificate({.certificate_file = files.certificate, .key_file = files.key});
    if (!read) return;
    const std::lock_guard lock(mutex_);
    facts_ = std::move(read->facts);
  }
  /// Nothing without TLS.
  std::optional<TlsCertificateFacts> facts() const {
    const std::lock_guard lock(mutex_);
    return facts_;
  }

 private:
  mutable std::mutex mutex_;
  std::optional<TlsCertificateFacts> facts_;
};

}  // namespace uturn
