// Listening sockets of HTTP servers.
#include "server/http/http_listener.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace uturn {
namespace {

union SocketAddress {
  sockaddr any;
  sockaddr_in v4;
  sockaddr_in6 v6;
  sockaddr_un local;
};

Failure<std::string> failure(const std::string& where, const std::string& what) {
  return Failure{where + ": " + what + ": " + std::strerror(errno)};
}

socklen_t write_address(const TransportAddress& from, SocketAddress& to) {
  to = {};
  const Bytes bytes = from.ip.bytes();
  if (from.ip.is_v4()) {
    to.v4.sin_family = AF_INET;
    to.v4.sin_port = htons(from.port);
    std::memcpy(&to.v4.sin_addr, bytes.data(), bytes.size());
    return sizeof to.v4;
  }
  to.v6.sin6_family = AF_INET6;
  to.v6.sin6_port = htons(from.port);
  to.v6.sin6_scope_id = from.scope_id;
  std::memcpy(&to.v6.sin6_addr, bytes.data(), bytes.size());
  return sizeof to.v6;
}

uint16_t port_of(int fd) {
  SocketAddress bound{};
  socklen_t length = sizeof bound;
  if (::getsockname(fd, &bound.any, &length) != 0) return 0;
  return ntohs(bound.any.sa_family == AF_INET ? bound.v4.sin_port : bound.v6.sin6_port);
}

/// A socket whose server is gone refuses; a file of another kind is somebody's.
Result<Done, std::string> remove_stale(const std::string& path, const SocketAddress& address) {
  struct stat found{};
  if (::lstat(path.c_str(), &found) != 0) return Done{};
  if (!S_ISSOCK(found.st_mode)) return Failure{path + " is there already, and is no socket"};
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (probe < 0) return failure(path, "socket");
  const bool is_dead =
      ::connect(probe, &address.any, sizeof address.local) != 0 && errno == ECONNREFUSED;
  ::close(probe);
  if (!is_dead) return Failure{path + " is in use: another server answers there"};
  if (::unlink(path.c_str()) != 0) return failure(path, "left by an earlier run");
  return Done{};
}

}  // namespace

Result<HttpListener, std::string> HttpListener::open(const TransportAddress& address) {
  const std::string name = address.to_string();
  HttpListener listener{
      ::socket(address.ip.is_v4() ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  if (listener.fd_ < 0) return failure(name, "socket");
  const int on = 1;
  // After a restart, connections of the run before linger in TIME_WAIT. Another listener still is
  // an address in use.
  ::setsockopt(listener.fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (!address.ip.is_v4()) {
    ::setsockopt(listener.fd_, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  }
  SocketAddress raw{};
  const socklen_t length = write_address(address, raw);
  if (::bind(listener.fd_, &raw.any, length) != 0) return failure(name, "bind");
  if (::listen(listener.fd_, kBacklog) != 0) return failure(name, "listen");
  listener.address_ = address;
  listener.address_.port = port_of(listener.fd_);
  return listener;
}

Result<HttpListener, std::string> HttpListener::open(const HttpUnixSocket& socket) {
  SocketAddress raw{};
  raw.local.sun_family = AF_UNIX;
  if (socket.path.empty() || socket.path.size() >= sizeof raw.local.sun_path) {
    return Failure{"'" + socket.path + "' has no length that a socket's path may have"};
  }
  std::memcpy(raw.local.sun_path, socket.path.data(), socket.path.size());
  if (auto removed = remove_stale(socket.path, raw); !removed) return Failure{removed.error()};

  HttpListener listener{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  if (listener.fd_ < 0) return failure(socket.path, "socket");
  // Nobody else's for a moment: the file is made with the mode of the socket.
  ::fchmod(listener.fd_, S_IRUSR | S_IWUSR);
  if (::bind(listener.fd_, &raw.any, sizeof raw.local) != 0) return failure(socket.path, "bind");
  listener.path_ = socket.path;
  struct stat made{};
  if (::lstat(socket.path.c_str(), &made) != 0) return failure(socket.path, "stat");
  listener.device_ = made.st_dev;
  listener.inode_ = made.st_ino;
  if (socket.owner || socket.group) {
    if (::lchown(socket.path.c_str(), socket.owner.value_or(static_cast<uid_t>(-1)),
                 socket.group.value_or(static_cast<gid_t>(-1))) != 0) {
      return failure(socket.path, "chown");
    }
  }
  if (::chmod(socket.path.c_str(), socket.mode) != 0) return failure(socket.path, "chmod");
  if (::listen(listener.fd_, kBacklog) != 0) return failure(socket.path, "listen");
  return listener;
}

HttpListener::HttpListener(HttpListener&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      address_(other.address_),
      path_(std::exchange(other.path_, {})),
      device_(other.device_),
      inode_(other.inode_) {}

HttpListener::~HttpListener() {
  remove_name();
  if (fd_ >= 0) ::close(fd_);
}

int HttpListener::release() { return std::exchange(fd_, -1); }

void HttpListener::remove_name() {
  struct stat found{};
  if (path_.empty() || ::lstat(path_.c_str(), &found) != 0) return;
  if (found.st_dev == device_ && found.st_ino == inode_) ::unlink(path_.c_str());
}

}  // namespace uturn
