// ClientSocket: POSIX sockets and getaddrinfo.
#include "client/tools/client_socket.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <system_error>
#include <utility>

namespace uturn {
namespace {

constexpr size_t kMaxAddresses = 8;

/// Fills `out` and says how long it is.
socklen_t to_sockaddr(const TransportAddress& address, sockaddr_storage& out) {
  out = {};
  const Bytes ip = address.ip.bytes();
  if (address.ip.is_v4()) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(out);
    v4.sin_family = AF_INET;
    v4.sin_port = htons(address.port);
    std::memcpy(&v4.sin_addr, ip.data(), ip.size());
    return sizeof v4;
  }
  auto& v6 = reinterpret_cast<sockaddr_in6&>(out);
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(address.port);
  v6.sin6_scope_id = address.scope_id;
  std::memcpy(&v6.sin6_addr, ip.data(), ip.size());
  return sizeof v6;
}

std::optional<TransportAddress> from_sockaddr(const sockaddr* address) {
  TransportAddress result;
  if (address->sa_family == AF_INET) {
    sockaddr_in v4;
    std::memcpy(&v4, address, sizeof v4);
    std::array<uint8_t, 4> bytes;
    std::memcpy(bytes.data(), &v4.sin_addr, bytes.size());
    result.ip = IpAddress::v4(bytes);
    result.port = ntohs(v4.sin_port);
    return result;
  }
  if (address->sa_family != AF_INET6) return std::nullopt;
  sockaddr_in6 v6;
  std::memcpy(&v6, address, sizeof v6);
  std::array<uint8_t, 16> bytes;
  std::memcpy(bytes.data(), &v6.sin6_addr, bytes.size());
  result.ip = IpAddress::v6(bytes);
  result.port = ntohs(v6.sin6_port);
  result.scope_id = v6.sin6_scope_id;
  return result;
}

std::string text_of_errno() { return std::generic_category().message(errno); }

/// Would-block is nothing; what an ICMP error leaves behind is unreachable.
ClientSocket::Outcome outcome_of_errno() {
  const bool nothing =
      errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR || errno == ENOBUFS;
  return nothing ? ClientSocket::Outcome::nothing : ClientSocket::Outcome::unreachable;
}

}  // namespace

std::optional<ClientSocket> ClientSocket::open(const TransportAddress& server, std::string& error) {
  const int family = server.ip.is_v4() ? AF_INET : AF_INET6;
  ClientSocket socket{::socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  sockaddr_storage address;
  const socklen_t size = to_sockaddr(server, address);
  if (socket.fd_ < 0 || ::connect(socket.fd_, reinterpret_cast<sockaddr*>(&address), size) != 0) {
    error = text_of_errno();
    return std::nullopt;
  }
  return socket;
}

ClientSocket::ClientSocket(ClientSocket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

ClientSocket& ClientSocket::operator=(ClientSocket&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

ClientSocket::~ClientSocket() {
  if (fd_ >= 0) ::close(fd_);
}

ClientSocket::Outcome ClientSocket::send(Bytes datagram) {
  const ssize_t sent = ::send(fd_, datagram.data(), datagram.size(), MSG_NOSIGNAL);
  return sent >= 0 ? Outcome::done : outcome_of_errno();
}

ClientSocket::Outcome ClientSocket::receive(MutableBytes buffer, MutableBytes& received) {
  const ssize_t size = ::recv(fd_, buffer.data(), buffer.size(), 0);
  if (size < 0) return outcome_of_errno();
  received = buffer.first(static_cast<size_t>(size));
  return Outcome::done;
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
    auto address = from_sockaddr(entry->ai_addr);
    if (!address) continue;
    address->port = port;
    if (std::ranges::find(addresses, *address) == addresses.end()) addresses.push_back(*address);
  }
  if (addresses.empty()) error = "the name has no address";
  return addresses;
}

}  // namespace uturn
