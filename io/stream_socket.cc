// Every option of uturn's stream sockets stands in this file, and the groups of listeners.
#include "io/stream_socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "io/control_messages.h"

namespace uturn {
namespace {

// Closes it unless it is released.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(other.release()) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int fd() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

bool set_option(int fd, int level, int name, int value) {
  return ::setsockopt(fd, level, name, &value, sizeof value) == 0;
}

bool set_buffer(int fd, int forced, int asked, int size) {
  return size == 0 || set_option(fd, SOL_SOCKET, forced, size) ||
         set_option(fd, SOL_SOCKET, asked, size);
}

// The buffers must be set before listen() and connect(): the window's scale is agreed on in SYN.
// Without a port to be bound to, the kernel chooses one when the peer is known, so that one port
// serves for many peers; others than IPv4's and IPv6's any-address are bound all the same.
bool set_options(int fd, const StreamSpec& spec) {
  const bool is_v4 = spec.address.ip.is_v4();
  const auto unsent = static_cast<int>(spec.unsent_low_water);
  return (is_v4 || set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)) &&
         (!spec.reuse_address || set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1)) &&
         (!spec.reuse_port || set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1)) &&
         (!spec.freebind || set_option(fd, is_v4 ? IPPROTO_IP : IPPROTO_IPV6,
                                       is_v4 ? IP_FREEBIND : IPV6_FREEBIND, 1)) &&
         set_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, spec.receive_buffer) &&
         set_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, spec.send_buffer) &&
         set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1) &&
         set_option(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, unsent);
}

Result<Descriptor, StreamError> open_unbound(const StreamSpec& spec) {
  const int family = spec.address.ip.is_v4() ? AF_INET : AF_INET6;
  Descriptor socket(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
  if (socket.fd() < 0 || !set_options(socket.fd(), spec)) return Failure{stream_error_of(errno)};
  return socket;
}

Result<Descriptor, StreamError> open_bound(const StreamSpec& spec) {
  auto socket = open_unbound(spec);
  if (!socket) return socket;
  SocketName name;
  const socklen_t size = write_name(spec.address, name);
  if (::bind(socket->fd(), &name.any, size) != 0) return Failure{stream_error_of(errno)};
  return socket;
}

TransportAddress local_address_of(int fd) {
  SocketName name{};
  socklen_t size = sizeof name;
  CHECK(::getsockname(fd, &name.any, &size) == 0);
  return read_name(name);
}

}  // namespace

Result<int, StreamError> open_stream_socket(const StreamSpec& spec) {
  const bool names_nothing = spec.address.port == 0 && spec.address.ip.is_unspecified();
  if (names_nothing) {
    auto unbound = open_unbound(spec);
    if (!unbound) return Failure{unbound.error()};
    return unbound->release();
  }
  auto socket = open_unbound(spec);
  if (!socket) return Failure{socket.error()};
  if (spec.address.port == 0) set_option(socket->fd(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
  SocketName name;
  const socklen_t size = write_name(spec.address, name);
  if (::bind(socket->fd(), &name.any, size) != 0) return Failure{stream_error_of(errno)};
  return socket->release();
}

Result<int, StreamError> open_stream_listener(const StreamSpec& spec) {
  auto socket = open_bound(spec);
  if (!socket) return Failure{socket.error()};
  if (::listen(socket->fd(), spec.backlog) != 0) return Failure{stream_error_of(errno)};
  return socket->release();
}

StreamError stream_error_of(int error_number) {
  switch (error_number) {
    case EAGAIN:
      return StreamError::would_block;
    case ECONNRESET:
    case ECONNABORTED:
      return StreamError::reset;
    case EPIPE:
      return StreamError::ended;
    case ECONNREFUSED:
      return StreamError::refused;
    case ETIMEDOUT:
      return StreamError::timed_out;
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EHOSTDOWN:
    case ENETDOWN:
      return StreamError::unreachable;
    case EADDRINUSE:
      return StreamError::address_in_use;
    case EADDRNOTAVAIL:
      return StreamError::address_not_available;
    case EACCES:
    case EPERM:
      return StreamError::no_permission;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
      return StreamError::no_descriptors;
    case EAFNOSUPPORT:
      return StreamError::family_not_supported;
    default:
      return StreamError::other;
  }
}

std::string_view text_of(StreamError error) {
  switch (error) {
    case StreamError::would_block:
      return "would block";
    case StreamError::ended:
      return "ended";
    case StreamError::reset:
      return "connection reset";
    case StreamError::refused:
      return "connection refused";
    case StreamError::timed_out:
      return "timed out";
    case StreamError::unreachable:
      return "host or network unreachable";
    case StreamError::address_in_use:
      return "address in use";
    case StreamError::address_not_available:
      return "address not available on this machine";
    case StreamError::no_permission:
      return "no permission";
    case StreamError::no_descriptors:
      return "no descriptors or memory left";
    case StreamError::family_not_supported:
      return "address family not supported by this kernel";
    case StreamError::other:
      break;
  }
  return "the kernel refused";
}

Result<StreamListenerGroup, StreamError> open_stream_listener_group(StreamSpec spec,
                                                                    size_t shards) {
  CHECK(shards > 0);
  // With SO_REUSEADDR whatever is in TIME_WAIT does not matter; whoever listens does.
  spec.reuse_address = true;
  spec.reuse_port = false;
  {
    const auto alone = open_bound(spec);
    if (!alone) return Failure{alone.error()};
    spec.address = local_address_of(alone->fd());
  }

  spec.reuse_port = true;
  std::vector<Descriptor> bound;
  for (size_t shard = 0; shard < shards; ++shard) {
    auto socket = open_bound(spec);
    if (!socket) return Failure{socket.error()};
    bound.push_back(std::move(*socket));
  }
  for (const Descriptor& socket : bound) {
    if (::listen(socket.fd(), spec.backlog) != 0) return Failure{stream_error_of(errno)};
  }

  StreamListenerGroup group{spec.address, {}};
  for (Descriptor& socket : bound) group.sockets.push_back({socket.release()});
  return group;
}

}  // namespace uturn
