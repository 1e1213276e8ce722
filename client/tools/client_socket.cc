// ClientSocket: POSIX sockets and getaddrinfo.
#include "client/tools/client_socket.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <system_error>

#include "io/control_messages.h"

namespace uturn {
namespace {

constexpr size_t kMaxAddresses = 8;

std::optional<TransportAddress> address_of(const addrinfo& entry) {
  const auto* name = reinterpret_cast<const uint8_t*>(entry.ai_addr);
  return read_name(Bytes{name, entry.ai_addrlen});
}

bool bind_to(int fd, const IpAddress& from) {
  // The port is chosen when the peer is known: a port may then serve several connections.
  const int on = 1;
  ::setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  SocketName name;
  const socklen_t size = write_name({from, 0, 0}, name);
  return ::bind(fd, &name.any, size) == 0;
}

bool connect_to(int fd, const TransportAddress& server) {
  SocketName name;
  const socklen_t size = write_name(server, name);
  return ::connect(fd, &name.any, size) == 0 || errno == EINPROGRESS;
}

}  // namespace

Result<ClientSocket, int> ClientSocket::open(Kind kind, const TransportAddress& server,
                                             const std::optional<IpAddress>& from) {
  const int family = server.ip.is_v4() ? AF_INET : AF_INET6;
  const int type = kind == Kind::stream ? SOCK_STREAM : SOCK_DGRAM;
  ClientSocket socket{::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  if (socket.fd_ < 0 || (from && !bind_to(socket.fd_, *from)) || !connect_to(socket.fd_, server)) {
    return Failure{errno};
  }
  const int on = 1;
  if (kind == Kind::stream) ::setsockopt(socket.fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return socket;
}

ClientSocket& ClientSocket::operator=(ClientSocket&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

ClientSocket::~ClientSocket() {
  if (fd_ >= 0) ::close(fd_);
}

int ClientSocket::error() const {
  int error = 0;
  socklen_t size = sizeof error;
  return ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

bool ClientSocket::is_connected() const {
  SocketName name;
  socklen_t size = sizeof name;
  return ::getpeername(fd_, &name.any, &size) == 0;
}

Result<size_t, int> ClientSocket::send(Bytes bytes) {
  const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (sent < 0) return Failure{errno};
  return static_cast<size_t>(sent);
}

Result<size_t, int> ClientSocket::receive(MutableBytes buffer) {
  const ssize_t size = ::recv(fd_, buffer.data(), buffer.size(), 0);
  if (size < 0) return Failure{errno};
  return static_cast<size_t>(size);
}

bool would_block(int error_number) {
  return error_number == EAGAIN || error_number == EWOULDBLOCK || error_number == EINTR ||
         error_number == ENOBUFS;
}

std::string text_of_errno(int error_number) {
  return std::generic_category().message(error_number);
}

Now read_clocks() {
  using std::chrono::steady_clock;
  using std::chrono::system_clock;
  const auto since_boot = steady_clock::now().time_since_epoch();
  return {Instant{std::chrono::duration_cast<Duration>(since_boot)},
          std::chrono::floor<std::chrono::seconds>(system_clock::now())};
}

std::vector<TransportAddress> resolve(const std::string& host, uint16_t port, std::string& error) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* list = nullptr;
  const int result = ::getaddrinfo(host.c_str(), nullptr, &hints, &list);
  if (result != 0) {
    error = ::gai_strerror(result);
    return {};
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner{list, &::freeaddrinfo};
  std::vector<TransportAddress> addresses;
  for (const addrinfo* entry = list; entry && addresses.size() < kMaxAddresses;
       entry = entry->ai_next) {
    auto address = address_of(*entry);
    if (!address) continue;
    address->port = port;
    if (std::ranges::find(addresses, *address) == addresses.end()) addresses.push_back(*address);
  }
  if (addresses.empty()) error = "the name has no address";
  return addresses;
}

}  // namespace uturn
