// Generator sockets: route, namespace, descriptors.
#include "client/tools/bench/generator_sockets.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <optional>

#include "io/control_messages.h"
#include "io/udp_socket.h"

namespace uturn {
namespace {

constexpr int kBuffer = 1024 * 1024;  // a limit, not a reservation: no loss that is ours

/// Connecting a UDP socket sends nothing: it asks the routes.
std::optional<IpAddress> source_towards(const TransportAddress& server) {
  auto socket = UdpSocket::open({.address = {IpAddress::any(server.ip.family())}}, false);
  if (!socket) return std::nullopt;
  SocketName name;
  const socklen_t size = write_name(server, name);
  if (::connect(socket->fd(), &name.any, size) != 0) return std::nullopt;
  return socket->local_address().ip;
}

}  // namespace

Result<std::optional<NetworkNamespace>, std::string> enter(const SocketPlace& place) {
  if (place.netns.empty()) return std::optional<NetworkNamespace>{};
  auto visit = NetworkNamespace::enter(place.netns);
  if (!visit) return Failure{visit.error()};
  return std::optional<NetworkNamespace>{*std::move(visit)};
}

Result<SocketPlace, std::string> find_place(const std::vector<IpAddress>& wanted,
                                            const std::string& netns,
                                            const TransportAddress& server) {
  if (!wanted.empty()) return SocketPlace{wanted, netns};
  const auto visit = enter({{}, netns});
  if (!visit) return Failure{visit.error()};
  const auto source = source_towards(server);
  if (!source) return Failure{fmt::format("there is no route to {}", server.ip.to_string())};
  return SocketPlace{{*source}, netns};
}

Result<std::vector<SocketId>, std::string> open_sockets(Loop& loop, const SocketPlace& place,
                                                        uint32_t count, uint64_t first_tag) {
  const auto visit = enter(place);
  if (!visit) return Failure{visit.error()};
  std::vector<SocketId> sockets;
  sockets.reserve(count);
  for (uint32_t i = 0; i < count; ++i) {
    const IpAddress& address = place.addresses[i % place.addresses.size()];
    const auto socket = loop.open({.kind = SocketKind::relay,
                                   .address = {address},
                                   .receive_buffer = kBuffer,
                                   .send_buffer = kBuffer},
                                  first_tag + i);
    if (!socket) {
      return Failure{fmt::format("socket {} of {} on {}: {}", i + 1, count, address.to_string(),
                                 text_of(socket.error()))};
    }
    sockets.push_back(*socket);
  }
  return sockets;
}

uint64_t raise_descriptor_limit() {
  rlimit limit{};
  CHECK(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_max;
}

}  // namespace uturn
