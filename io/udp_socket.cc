// Every socket option of uturn's UDP sockets stands in this file, and the groups of listeners.
#include "io/udp_socket.h"

#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

#include "io/control_messages.h"
#include "io/error_queue.h"

namespace uturn {
namespace {

bool set_option(int fd, int level, int name, int value) {
  return ::setsockopt(fd, level, name, &value, sizeof value) == 0;
}

int option_of(int fd, int level, int name) {
  int value = 0;
  socklen_t size = sizeof value;
  ::getsockopt(fd, level, name, &value, &size);
  return value;
}

// Without DONT-FRAGMENT a datagram leaves with DF 0 (RFC 8656, Section 14), so that no path MTU the
// kernel has learned turns a send into EMSGSIZE.
bool set_ipv4_options(int fd, const UdpSocketSpec& spec) {
  return (!spec.address.ip.is_unspecified() || set_option(fd, IPPROTO_IP, IP_PKTINFO, 1)) &&
         set_option(fd, IPPROTO_IP, IP_RECVTOS, 1) && set_option(fd, IPPROTO_IP, IP_RECVTTL, 1) &&
         set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT) &&
         (spec.kind != SocketKind::relay || set_option(fd, IPPROTO_IP, IP_RECVERR, 1));
}

bool set_ipv6_options(int fd, const UdpSocketSpec& spec) {
  return (!spec.address.ip.is_unspecified() || set_option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)) &&
         set_option(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1) &&
         set_option(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1) &&
         set_option(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DONT) &&
         (spec.kind != SocketKind::relay || set_option(fd, IPPROTO_IPV6, IPV6_RECVERR, 1));
}

// Whoever may administrate the network, as root does while it binds the listeners, gets what it
// asks for; others no more than net.core.rmem_max and wmem_max. Privileges only fall: a refusal
// holds for every socket that follows, and there is one for each allocation.
void ask_for_buffers(int fd, const UdpSocketSpec& spec) {
  static std::atomic<bool> is_refused{false};
  const auto ask = [&](int forced, int capped, int size) {
    if (!is_refused && set_option(fd, SOL_SOCKET, forced, size)) return;
    is_refused = true;
    set_option(fd, SOL_SOCKET, capped, size);
  };
  ask(SO_RCVBUFFORCE, SO_RCVBUF, spec.receive_buffer);
  ask(SO_SNDBUFFORCE, SO_SNDBUF, spec.send_buffer);
}

// What bind() looks at.
bool set_binding_options(int fd, const UdpSocketSpec& spec) {
  if (spec.reuse_port && !set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1)) return false;
  if (spec.address.ip.is_v4()) {
    return !spec.freebind || set_option(fd, IPPROTO_IP, IP_FREEBIND, 1);
  }
  return set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) &&
         (!spec.freebind || set_option(fd, IPPROTO_IPV6, IPV6_FREEBIND, 1));
}

// What datagrams ask for.
bool set_traffic_options(int fd, const UdpSocketSpec& spec, bool gro) {
  // Wishes: the kernel may cap the buffers and not let us poll its devices, and without the others
  // datagrams arrive one by one and drops are not told.
  ask_for_buffers(fd, spec);
  set_option(fd, SOL_SOCKET, SO_RXQ_OVFL, 1);
  if (gro && spec.kind == SocketKind::listener) set_option(fd, IPPROTO_UDP, UDP_GRO, 1);
  if (spec.busy_poll > Duration::zero()) {
    const auto time = std::chrono::ceil<std::chrono::microseconds>(spec.busy_poll);
    set_option(fd, SOL_SOCKET, SO_BUSY_POLL, static_cast<int>(time.count()));
  }
  return spec.address.ip.is_v4() ? set_ipv4_options(fd, spec) : set_ipv6_options(fd, spec);
}

// Six system calls that most sockets of a storm of Allocates never need; and whoever floods the
// port of an allocation without a permission fills a buffer of a datagram or two.
bool set_options(int fd, const UdpSocketSpec& spec, bool gro) {
  if (!set_binding_options(fd, spec)) return false;
  return spec.receives_later ? set_option(fd, SOL_SOCKET, SO_RCVBUF, 0)
                             : set_traffic_options(fd, spec, gro);
}

uint32_t dropped_by(int fd) {
  uint32_t counts[SK_MEMINFO_VARS] = {};
  socklen_t size = sizeof counts;
  ::getsockopt(fd, SOL_SOCKET, SO_MEMINFO, counts, &size);
  return counts[SK_MEMINFO_DROPS];
}

void discard_some(int fd, int most) {
  uint8_t nothing = 0;
  for (int i = 0; i < most; ++i) {
    if (::recv(fd, &nothing, 0, MSG_DONTWAIT) < 0 && repeats_after(errno) == 0) break;
  }
}

// The port is bound alone once: sockets of a group would let a second instance join, and half of
// the clients would meet the other server.
Result<TransportAddress, OpenError> probe_port(UdpSocketSpec spec) {
  spec.reuse_port = false;
  const auto alone = UdpSocket::open(spec, false);
  if (!alone) return Failure{alone.error()};
  return alone->local_address();
}

}  // namespace

UdpSocket& UdpSocket::operator=(UdpSocket&& other) noexcept {
  if (this == &other) return *this;
  if (fd_ >= 0) ::close(fd_);
  fd_ = other.release();
  return *this;
}

UdpSocket::~UdpSocket() {
  if (fd_ >= 0) ::close(fd_);
}

Result<UdpSocket, OpenError> UdpSocket::open(const UdpSocketSpec& spec, bool gro) {
  const int family = spec.address.ip.is_v4() ? AF_INET : AF_INET6;
  UdpSocket socket(::socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP));
  if (socket.fd_ < 0 || !set_options(socket.fd_, spec, gro)) return Failure{open_error_of(errno)};

  SocketName name;
  const socklen_t size = write_name(spec.address, name);
  if (::bind(socket.fd_, &name.any, size) != 0) return Failure{open_error_of(errno)};
  return socket;
}

// The port was bound without SO_REUSEADDR, so nobody else has it. For the moment of the second bind
// both sockets say that they share it; then neither does, and nobody can join.
Result<UdpSocket, OpenError> UdpSocket::open_twin(int relay_socket) {
  UdpSocket owner(relay_socket);
  UdpSocketSpec spec;
  spec.address = owner.local_address();
  spec.receive_buffer = owner.granted_receive_buffer();
  spec.send_buffer = owner.granted_send_buffer();
  owner.release();

  const int family = spec.address.ip.is_v4() ? AF_INET : AF_INET6;
  UdpSocket twin(::socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP));
  if (twin.fd_ < 0 || !set_options(twin.fd_, spec, false)) return Failure{open_error_of(errno)};
  SocketName name;
  const socklen_t size = write_name(spec.address, name);
  const auto share = [&](int on) {
    return set_option(relay_socket, SOL_SOCKET, SO_REUSEADDR, on) &&
           set_option(twin.fd_, SOL_SOCKET, SO_REUSEADDR, on);
  };
  const bool is_bound = share(1) && ::bind(twin.fd_, &name.any, size) == 0;
  const int error = errno;
  share(0);
  if (!is_bound) return Failure{open_error_of(error)};
  return twin;
}

int UdpSocket::release() { return std::exchange(fd_, -1); }

TransportAddress UdpSocket::local_address() const {
  SocketName name{};
  socklen_t size = sizeof name;
  CHECK(::getsockname(fd_, &name.any, &size) == 0);
  return read_name(name);
}

// The kernel doubles what was asked, for its own bookkeeping, and tells the double.
int UdpSocket::granted_receive_buffer() const { return option_of(fd_, SOL_SOCKET, SO_RCVBUF) / 2; }
int UdpSocket::granted_send_buffer() const { return option_of(fd_, SOL_SOCKET, SO_SNDBUF) / 2; }

bool connect_twin(int fd, const TransportAddress& to, const IpFields& ip) {
  const int traffic_class = ip.dscp << 2 | ip.ecn;
  const int hops = ip.ttl > 0 ? ip.ttl : -1;  // the system's default
  const bool has_options = to.ip.is_v4()
                               ? set_option(fd, IPPROTO_IP, IP_TOS, traffic_class) &&
                                     set_option(fd, IPPROTO_IP, IP_TTL, hops)
                               : set_option(fd, IPPROTO_IPV6, IPV6_TCLASS, traffic_class) &&
                                     set_option(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, hops);
  SocketName name;
  const socklen_t size = write_name(to, name);
  return has_options && ::connect(fd, &name.any, size) == 0;
}

void receive_trains(int fd) { set_option(fd, IPPROTO_UDP, UDP_GRO, 1); }

// PROBE sets DF whatever path MTU the kernel believes in, so that every datagram that is too long
// meets the router that says so. Back again it is OMIT and not DONT: neither sets DF, but with DONT
// the kernel keeps "fragmentation needed" to itself, which the client is to be told of (RFC 8656,
// Section 11.5). Only a socket that once sent DF can be told that.
void set_dont_fragment(int fd, bool on) {
  CHECK(set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, on ? IP_PMTUDISC_PROBE : IP_PMTUDISC_OMIT));
}

void discard_received(int fd) {
  constexpr int kMost = 65'536;  // more than the largest receive buffer holds
  discard_some(fd, kMost);
}

std::optional<uint32_t> make_receiving(int fd, const UdpSocketSpec& spec) {
  constexpr int kMost = 16;  // more than the smallest receive buffer holds
  if (!set_traffic_options(fd, spec, false)) return std::nullopt;
  discard_some(fd, kMost);
  return dropped_by(fd);
}

OpenError open_error_of(int error_number) {
  switch (error_number) {
    case EADDRINUSE:
      return OpenError::address_in_use;
    case EADDRNOTAVAIL:
      return OpenError::address_not_available;
    case EAFNOSUPPORT:
      return OpenError::family_not_supported;
    case EACCES:
    case EPERM:
      return OpenError::no_permission;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
      return OpenError::no_descriptors;
    default:
      return OpenError::other;
  }
}

std::string_view text_of(OpenError error) {
  switch (error) {
    case OpenError::address_in_use:
      return "address in use";
    case OpenError::address_not_available:
      return "address not available on this machine";
    case OpenError::family_not_supported:
      return "address family not supported by this kernel";
    case OpenError::no_permission:
      return "no permission";
    case OpenError::no_descriptors:
      return "no descriptors or memory left";
    case OpenError::other:
      break;
  }
  return "the kernel refused the socket";
}

Result<ListenerGroup, OpenError> open_listener_group(UdpSocketSpec spec, size_t shards, bool gro) {
  CHECK(shards > 0);
  const auto probed = probe_port(spec);
  if (!probed) return Failure{probed.error()};

  spec.address = *probed;
  spec.reuse_port = true;
  std::vector<UdpSocket> bound;
  for (size_t shard = 0; shard < shards; ++shard) {
    auto socket = UdpSocket::open(spec, gro);
    if (!socket) return Failure{socket.error()};
    bound.push_back(std::move(*socket));
  }

  ListenerGroup group{spec.address, {}};
  for (UdpSocket& socket : bound) group.sockets.push_back({socket.release()});
  return group;
}

}  // namespace uturn
