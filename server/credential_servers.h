// CredentialServers: where the credential service is reached: HTTP or HTTPS, and a Unix socket.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "io/clock.h"
#include "protocol/result.h"
#include "server/credential_service.h"
#include "server/http/http_server.h"
#include "server/privileges.h"
#include "server/shown_certificate.h"

namespace uturn {

/// A line in, a line out, one client after the other, each for two seconds at the most: for scripts
/// on this machine. Who may open the socket is its group's business.
class LineServer {
 public:
  static constexpr size_t kMaxLine = 512;

  LineServer(HttpListener listener, CredentialService& service, const Clock& clock);
  ~LineServer();  ///< stops
  LineServer(const LineServer&) = delete;
  LineServer& operator=(const LineServer&) = delete;
  void serve();
  void stop();

 private:
  void run();
  void answer(int client);

  HttpListener listener_;
  CredentialService& service_;
  const Clock& clock_;
  int ends_ = -1;  ///< an eventfd
  std::thread thread_;
};

/// Opened while still root; served later.
class CredentialServers {
 public:
  static Result<std::unique_ptr<CredentialServers>, std::string> open(
      CredentialFacts facts, const std::optional<Account>& account, const Clock& clock);
  Result<Done, std::string> serve();
  void stop();
  /// Other facts, with the certificate of their files read and checked. Nothing has changed by it.
  struct Prepared {
    CredentialFacts facts;
    HttpCertificate certificate;  ///< null: none is shown
  };
  Result<Prepared, std::string> prepare(CredentialFacts facts) const;
  /// Those from here on.
  void take(Prepared prepared);

  /// With its real port; nothing where there is no HTTP.
  std::optional<TransportAddress> address() const;
  bool is_secure() const { return is_secure_; }
  std::optional<TlsCertificateFacts> certificate() const { return shown_.facts(); }
  HttpCounters http_counters() const { return http_ ? http_->counters() : HttpCounters{}; }

 private:
  CredentialServers(CredentialFacts facts, const Clock& clock)
      : service_(std::move(facts)), clock_(clock) {}

  CredentialService service_;
  const Clock& clock_;
  std::unique_ptr<HttpServer> http_;
  std::unique_ptr<LineServer> lines_;
  ShownCertificate shown_;
  bool is_secure_ = false;
};

}  // namespace uturn
