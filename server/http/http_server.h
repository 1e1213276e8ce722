// HttpServer: HTTP/1.1 for operators and their programs, over TCP, TLS or a Unix socket, on threads
// of its own and never on a shard's.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "protocol/result.h"
#include "protocol/time.h"
#include "server/http/http_listener.h"
#include "server/http/http_message.h"

namespace boost::asio::ssl {
class context;
}

namespace uturn {

struct HttpServerCore;

struct HttpLimits {
  uint32_t workers = 2;              ///< threads that run handlers
  uint32_t queue = 64;               ///< requests in line for them; beyond: 503
  uint32_t connections = 256;        ///< beyond: whoever has kept us waiting longest is closed
  uint32_t header_size = 16 * 1024;  ///< bytes of request line and headers; beyond: 431
  uint64_t body_size = 64 * 1024;    ///< beyond: 413
  /// A whole request, and a TLS handshake, however slowly they trickle in.
  Duration request_timeout = std::chrono::seconds(10);
  Duration answer_timeout = std::chrono::seconds(30);  ///< for a client to take its answer
  Duration idle_timeout = std::chrono::seconds(60);    ///< between two requests
};

struct HttpTlsFiles {
  std::string certificate;  ///< PEM, followed by its chain
  std::string key;
};

/// Read and checked; an HTTP server has it from use_certificate() on.
using HttpCertificate = std::shared_ptr<boost::asio::ssl::context>;

struct HttpCounters {
  uint64_t connections = 0;  ///< accepted
  uint64_t evicted = 0;      ///< closed while they kept us waiting, for the sake of others
  uint64_t requests = 0;     ///< that a handler answered
  uint64_t refused = 0;      ///< answered without one: 400, 404, 405, 413, 431, 503
  uint64_t given_up = 0;     ///< answers that their client did not take, or not in time
};

/// Bound by open(), while still root; served from serve() on, until stop(). One thread reads and
/// writes for all connections, so slow ones cost a descriptor and nothing else; handlers run on
/// `limits.workers` threads, may wait, and may be called at the same time as each other.
class HttpServer {
 public:
  static Result<std::unique_ptr<HttpServer>, std::string> open(const TransportAddress& address,
                                                               const HttpLimits& limits);
  static Result<std::unique_ptr<HttpServer>, std::string> open(const TransportAddress& address,
                                                               const HttpTlsFiles& files,
                                                               const HttpLimits& limits);
  static Result<std::unique_ptr<HttpServer>, std::string> open(const HttpUnixSocket& socket,
                                                               const HttpLimits& limits);
  ~HttpServer();  ///< stops
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// Once. The error is one sentence: there are no threads to be had.
  Result<Done, std::string> serve(std::vector<HttpRoute> routes);
  /// Accepts nobody any more, lets handlers and answers under way end (the latter within a second),
  /// closes the rest. Not from a handler.
  void stop();

  static Result<HttpCertificate, std::string> read_certificate(const HttpTlsFiles& files);
  /// For connections that come from here on.
  void use_certificate(HttpCertificate certificate);

  const TransportAddress& address() const;  ///< with its real port; of a Unix socket nothing
  const std::string& path() const;          ///< of a Unix socket
  HttpCounters counters() const;

 private:
  explicit HttpServer(std::unique_ptr<HttpServerCore> core);
  std::unique_ptr<HttpServerCore> core_;
};

}  // namespace uturn
