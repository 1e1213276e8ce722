// Kernel TLS: asked of a connected pair of sockets, since the kernel attaches it to nothing less.
#include "io/kernel_tls.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string_view>

namespace uturn {
namespace {

struct TriedSocket {
  int fd;
  ~TriedSocket() {
    if (fd >= 0) ::close(fd);
  }
};

int open_tcp() { return ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); }

}  // namespace

bool kernel_has_tls() {
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof name;
  const TriedSocket listener{open_tcp()};
  const TriedSocket client{open_tcp()};
  auto* any = reinterpret_cast<sockaddr*>(&name);
  if (::bind(listener.fd, any, size) != 0 || ::listen(listener.fd, 1) != 0 ||
      ::getsockname(listener.fd, any, &size) != 0 || ::connect(client.fd, any, size) != 0)
    return false;
  constexpr std::string_view kUpperLayer = "tls";
  return ::setsockopt(client.fd, IPPROTO_TCP, TCP_ULP, kUpperLayer.data(), kUpperLayer.size()) == 0;
}

}  // namespace uturn
