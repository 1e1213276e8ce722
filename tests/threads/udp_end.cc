// A plain UDP socket.
#include "tests/threads/udp_end.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "io/control_messages.h"

namespace uturn {

UdpEnd::UdpEnd(std::string_view ip)
    : fd_(::socket(IpAddress::parse(ip)->is_v4() ? AF_INET : AF_INET6,
                   SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
  SocketName name;
  socklen_t size = write_name({*IpAddress::parse(ip), 0, 0}, name);
  CHECK(fd_ >= 0 && ::bind(fd_, &name.any, size) == 0);
  CHECK(::getsockname(fd_, &name.any, &size) == 0);
  address_ = read_name(name);
}

UdpEnd::~UdpEnd() { ::close(fd_); }

// What does not fit the receiver's buffer is lost, as on any network.
void UdpEnd::send(const TransportAddress& to, Bytes datagram) {
  SocketName name;
  const socklen_t size = write_name(to, name);
  (void)!::sendto(fd_, datagram.data(), datagram.size(), 0, &name.any, size);
}

std::optional<UdpEnd::Arrived> UdpEnd::receive(Duration patience) {
  pollfd readable{fd_, POLLIN, 0};
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(std::max(patience, Duration{}));
  if (::poll(&readable, 1, static_cast<int>(wait.count())) <= 0) return std::nullopt;
  std::array<uint8_t, 65'536> buffer;
  SocketName name;
  socklen_t size = sizeof name;
  const ssize_t got = ::recvfrom(fd_, buffer.data(), buffer.size(), 0, &name.any, &size);
  if (got < 0) return std::nullopt;
  return Arrived{read_name(name), {buffer.begin(), buffer.begin() + got}};
}

}  // namespace uturn
