// What relay addresses must satisfy.
#include "server/relay_checks.h"

#include <algorithm>
#include <fstream>

#include "io/udp_socket.h"
#include "server/interfaces.h"

namespace uturn {
namespace {

bool has_family(const std::vector<IpAddress>& addresses, AddressFamily family) {
  return std::ranges::any_of(addresses, [&](const IpAddress& a) { return a.family() == family; });
}

IpAddress shown_address(const std::vector<NatPair>& pairs, const IpAddress& address) {
  const auto pair = std::ranges::find(pairs, address, &NatPair::private_address);
  return pair == pairs.end() ? address : pair->public_address;
}

}  // namespace

std::optional<ExternalMapping> find_unused_mapping(const std::vector<ExternalMapping>& external,
                                                   const std::vector<IpAddress>& addresses) {
  for (const ExternalMapping& mapping : external) {
    const bool is_used = mapping.private_address
                             ? std::ranges::count(addresses, *mapping.private_address) > 0
                             : has_family(addresses, mapping.public_address.family());
    if (!is_used) return mapping;
  }
  return std::nullopt;
}

std::optional<IpAddress> find_ambiguous_address(const std::vector<ExternalMapping>& external,
                                                const std::vector<IpAddress>& addresses) {
  const auto pairs = expand_external(external, addresses);
  for (const IpAddress& one : addresses) {
    const IpAddress shown = shown_address(pairs, one);
    for (const IpAddress& other : addresses) {
      if (one != other && shown_address(pairs, other) == shown) return shown;
    }
  }
  return std::nullopt;
}

bool has_default_family(DefaultFamily family, const std::vector<IpAddress>& addresses) {
  if (family == DefaultFamily::keep) return true;
  const bool is_v4 = family == DefaultFamily::ipv4;
  return has_family(addresses, is_v4 ? AddressFamily::ipv4 : AddressFamily::ipv6);
}

uint16_t first_unprivileged_port() {
  std::ifstream file("/proc/sys/net/ipv4/ip_unprivileged_port_start");
  uint16_t port = 0;
  return file >> port ? port : 1024;
}

Result<Done, std::string> try_relay_addresses(const std::vector<IpAddress>& addresses,
                                              bool freebind) {
  if (addresses.empty()) return Failure{std::string{"there is no address to relay from"}};
  for (const IpAddress& address : addresses) {
    UdpSocketSpec spec;
    spec.address = {address, 0, 0};
    spec.freebind = freebind;
    const auto opened = UdpSocket::open(spec, false);
    if (opened) continue;
    return Failure{"no relay socket can be bound to " + address.to_string() + ": " +
                   std::string{text_of(opened.error())}};
  }
  return Done{};
}

}  // namespace uturn
