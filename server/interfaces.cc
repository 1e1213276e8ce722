// The addresses of this machine.
#include "server/interfaces.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>
#include <system_error>

#include "auth/peer_policy.h"

namespace uturn {
namespace {

std::optional<IpAddress> ip_of(const sockaddr* address) {
  if (address == nullptr) return std::nullopt;
  if (address->sa_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(address);
    const auto* bytes = reinterpret_cast<const uint8_t*>(&v4->sin_addr);
    return IpAddress::v4(std::span<const uint8_t, 4>(bytes, 4));
  }
  if (address->sa_family == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(address);
    return IpAddress::v6(std::span<const uint8_t, 16>(v6->sin6_addr.s6_addr, 16));
  }
  return std::nullopt;
}

/// Which address the system would leave from: connecting a datagram socket looks the route up and
/// sends nothing. The destinations are those of a DNS root server, as good as any public address.
std::optional<IpAddress> ask_routing_table(AddressFamily family) {
  sockaddr_storage to{};
  socklen_t size = 0;
  if (family == AddressFamily::ipv4) {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&to);
    v4->sin_family = AF_INET;
    v4->sin_port = htons(9);
    ::inet_pton(AF_INET, "198.41.0.4", &v4->sin_addr);
    size = sizeof *v4;
  } else {
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&to);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(9);
    ::inet_pton(AF_INET6, "2001:503:ba3e::2:30", &v6->sin6_addr);
    size = sizeof *v6;
  }
  const int fd = ::socket(to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return std::nullopt;
  sockaddr_storage from{};
  socklen_t from_size = sizeof from;
  const bool is_known = ::connect(fd, reinterpret_cast<sockaddr*>(&to), size) == 0 &&
                        ::getsockname(fd, reinterpret_cast<sockaddr*>(&from), &from_size) == 0;
  ::close(fd);
  if (!is_known) return std::nullopt;
  return ip_of(reinterpret_cast<sockaddr*>(&from));
}

bool is_usable(const IpAddress& address) {
  return !address.is_loopback() && !address.is_link_local();
}

std::optional<IpAddress> choose_for_wildcard(AddressFamily family,
                                             const std::vector<LocalAddress>& locals) {
  std::optional<IpAddress> first;
  for (const LocalAddress& local : locals) {
    if (local.address.family() != family || !is_usable(local.address)) continue;
    if (local.is_preferred) return local.address;
    if (!first) first = local.address;
  }
  return first;
}

}  // namespace

Result<std::vector<LocalAddress>, std::string> read_local_addresses() {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) {
    return Failure{
        "the addresses of this machine cannot be read (getifaddrs): " +
        std::generic_category().message(errno) +
        "; a sandbox must allow AF_NETLINK, as RestrictAddressFamilies= of systemd does"};
  }
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(list, ::freeifaddrs);
  const auto preferred_v4 = ask_routing_table(AddressFamily::ipv4);
  const auto preferred_v6 = ask_routing_table(AddressFamily::ipv6);

  std::vector<LocalAddress> locals;
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if ((entry->ifa_flags & IFF_UP) == 0) continue;
    const auto address = ip_of(entry->ifa_addr);
    if (!address) continue;
    locals.push_back(
        {*address, entry->ifa_name, address == preferred_v4 || address == preferred_v6});
  }
  return locals;
}

std::vector<IpAddress> addresses_of(const std::vector<LocalAddress>& locals) {
  std::vector<IpAddress> addresses;
  for (const LocalAddress& local : locals) addresses.push_back(local.address);
  return addresses;
}

std::vector<IpAddress> choose_relay_addresses(const std::vector<ListenerUri>& listeners,
                                              const std::vector<LocalAddress>& locals) {
  std::vector<IpAddress> chosen;
  const auto choose = [&](const IpAddress& address) {
    if (std::ranges::count(chosen, address) == 0) chosen.push_back(address);
  };
  for (const ListenerUri& listener : listeners) {
    const IpAddress& address = listener.address.ip;
    if (!address.is_unspecified()) {
      choose(address);
    } else if (const auto found = choose_for_wildcard(address.family(), locals)) {
      choose(*found);
    }
  }
  if (!chosen.empty()) return chosen;
  for (const LocalAddress& local : locals) {
    if (local.address.is_loopback() && local.address.is_v4()) choose(local.address);
  }
  return chosen;
}

bool is_public(const IpAddress& address) {
  return PeerPolicy(PeerPolicy::Settings{}).decide(address).is_permitted();
}

std::vector<NatPair> expand_external(const std::vector<ExternalMapping>& external,
                                     const std::vector<IpAddress>& relay_addresses) {
  std::vector<NatPair> pairs;
  for (const IpAddress& address : relay_addresses) {
    for (const ExternalMapping& mapping : external) {
      const bool fits = mapping.private_address
                            ? *mapping.private_address == address
                            : mapping.public_address.family() == address.family();
      if (fits) pairs.push_back({mapping.public_address, address});
    }
  }
  return pairs;
}

}  // namespace uturn
