// Blocking sockets, and TLS over them where asked.
#include "tests/http/http_end.h"

#include <netinet/in.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace uturn {
namespace {

int connected(const sockaddr* address, socklen_t length) {
  const int fd = ::socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK(fd >= 0);
  const timeval patience{10, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  if (::connect(fd, address, length) == 0) return fd;
  ::close(fd);
  return -1;
}

}  // namespace

std::string HttpAnswer::header(const std::string& name) const {
  const size_t at = head.find("\r\n" + name + ": ");
  if (at == std::string::npos) return {};
  const size_t start = at + name.size() + 4;
  return head.substr(start, head.find("\r\n", start) - start);
}

HttpEnd HttpEnd::to(const TransportAddress& address) {
  if (address.ip.is_v4()) {
    sockaddr_in raw{};
    raw.sin_family = AF_INET;
    raw.sin_port = htons(address.port);
    std::memcpy(&raw.sin_addr, address.ip.bytes().data(), 4);
    return HttpEnd(connected(reinterpret_cast<const sockaddr*>(&raw), sizeof raw));
  }
  sockaddr_in6 raw{};
  raw.sin6_family = AF_INET6;
  raw.sin6_port = htons(address.port);
  std::memcpy(&raw.sin6_addr, address.ip.bytes().data(), 16);
  return HttpEnd(connected(reinterpret_cast<const sockaddr*>(&raw), sizeof raw));
}

HttpEnd HttpEnd::to_unix(const std::string& path) {
  sockaddr_un raw{};
  raw.sun_family = AF_UNIX;
  CHECK(path.size() < sizeof raw.sun_path);
  std::memcpy(raw.sun_path, path.data(), path.size());
  return HttpEnd(connected(reinterpret_cast<const sockaddr*>(&raw), sizeof raw));
}

HttpEnd::HttpEnd(HttpEnd&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      ssl_(std::move(other.ssl_)),
      received_(std::move(other.received_)) {}

HttpEnd::~HttpEnd() { close(); }

bool HttpEnd::secure() {
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()),
                                                                  &SSL_CTX_free);
  ssl_.reset(SSL_new(context.get()));
  SSL_set_fd(ssl_.get(), fd_);
  return SSL_connect(ssl_.get()) == 1;
}

std::string HttpEnd::server_name() const {
  const std::unique_ptr<X509, decltype(&X509_free)> shown(SSL_get1_peer_certificate(ssl_.get()),
                                                          &X509_free);
  CHECK(shown != nullptr);
  const std::unique_ptr<GENERAL_NAMES, decltype(&GENERAL_NAMES_free)> names(
      static_cast<GENERAL_NAMES*>(
          X509_get_ext_d2i(shown.get(), NID_subject_alt_name, nullptr, nullptr)),
      &GENERAL_NAMES_free);
  CHECK(names != nullptr);
  const ASN1_IA5STRING* const name = sk_GENERAL_NAME_value(names.get(), 0)->d.dNSName;
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(name)),
          static_cast<size_t>(ASN1_STRING_length(name))};
}

void HttpEnd::send(std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = ssl_ ? SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size()))
                              : ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    text.remove_prefix(static_cast<size_t>(sent));
  }
}

bool HttpEnd::read_more() {
  std::array<char, 16 * 1024> bytes{};
  errno = 0;
  const ssize_t n = ssl_ ? SSL_read(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()))
                         : ::recv(fd_, bytes.data(), bytes.size(), 0);
  if (n <= 0) return false;
  received_.append(bytes.data(), static_cast<size_t>(n));
  return true;
}

std::optional<HttpAnswer> HttpEnd::answer(bool is_to_head) {
  size_t end = 0;
  while ((end = received_.find("\r\n\r\n")) == std::string::npos) {
    if (!read_more()) return std::nullopt;
  }
  HttpAnswer answer;
  answer.head = received_.substr(0, end + 2);
  received_.erase(0, end + 4);
  answer.status = std::stoi(answer.head.substr(answer.head.find(' ')));
  const std::string length = answer.header("Content-Length");
  const size_t wanted = length.empty() || is_to_head ? 0 : std::stoul(length);
  while (received_.size() < wanted) {
    if (!read_more()) return std::nullopt;
  }
  answer.body = received_.substr(0, wanted);
  received_.erase(0, wanted);
  return answer;
}

std::optional<HttpAnswer> HttpEnd::ask(std::string_view text) {
  send(text);
  return answer(text.starts_with("HEAD "));
}

bool HttpEnd::is_closed() {
  while (read_more()) {
  }
  return errno != EAGAIN && errno != EWOULDBLOCK;
}

void HttpEnd::close() {
  ssl_.reset();
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

std::string get(const std::string& path) {
  return "GET " + path + " HTTP/1.1\r\nHost: test\r\n\r\n";
}

std::string post(const std::string& path, const std::string& body) {
  return "POST " + path +
         " HTTP/1.1\r\nHost: test\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         body;
}

}  // namespace uturn
