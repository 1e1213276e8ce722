// The other end of an HTTP connection, by hand: says exactly what a test wants said.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/transport_address.h"

namespace uturn {

struct HttpAnswer {
  int status = 0;
  std::string head;  ///< status line and headers
  std::string body;
  /// Empty where there is none.
  std::string header(const std::string& name) const;
};

/// Blocks, for ten seconds at the most: what takes longer is a failure.
class HttpEnd {
 public:
  static HttpEnd to(const TransportAddress& address);
  static HttpEnd to_unix(const std::string& path);
  HttpEnd(HttpEnd&& other) noexcept;
  ~HttpEnd();

  bool is_connected() const { return fd_ >= 0; }
  /// Over TLS from here on, whoever the server is. False where the handshake fails.
  bool secure();
  /// The subject's common name, or the first of subjectAltName, of what the server showed.
  std::string server_name() const;

  void send(std::string_view text);
  /// Nothing where the server closes instead.
  std::optional<HttpAnswer> answer(bool is_to_head = false);
  std::optional<HttpAnswer> ask(std::string_view text);
  bool is_closed();  ///< waits for it; what comes before is thrown away
  void close();

 private:
  explicit HttpEnd(int fd) : fd_(fd) {}
  bool read_more();

  struct FreeSsl {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };
  int fd_ = -1;
  std::unique_ptr<SSL, FreeSsl> ssl_;
  std::string received_;
};

/// "GET /path" in full.
std::string get(const std::string& path);
std::string post(const std::string& path, const std::string& body);

}  // namespace uturn
