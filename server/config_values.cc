// The values of Config that have a text form of their own: listeners, port ranges, NAT mappings.
#include <charconv>

#include "server/config.h"

namespace uturn {
namespace {

constexpr std::pair<std::string_view, Transport> kSchemes[] = {
    {"udp", Transport::udp},
    {"tcp", Transport::tcp},
    {"tls", Transport::tls},
    {"dtls", Transport::dtls},
};

std::optional<uint16_t> parse_port(std::string_view text) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return port;
}

}  // namespace

std::optional<ListenerUri> ListenerUri::parse(std::string_view text) {
  const size_t colon = text.find("://");
  if (colon == std::string_view::npos) return std::nullopt;
  for (const auto& [scheme, transport] : kSchemes) {
    if (text.substr(0, colon) != scheme) continue;
    const auto address = TransportAddress::parse(text.substr(colon + 3));
    if (!address) return std::nullopt;
    return ListenerUri{transport, *address};
  }
  return std::nullopt;
}

std::string ListenerUri::to_string() const {
  for (const auto& [scheme, known] : kSchemes) {
    if (known == transport) return std::string(scheme) + "://" + address.to_string();
  }
  return {};
}

std::optional<PortRange> PortRange::parse(std::string_view text) {
  const size_t dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto first = parse_port(text.substr(0, dash));
  const auto last = parse_port(text.substr(dash + 1));
  // Port 0 is no port: a socket bound to it gets any, outside the range.
  if (!first || !last || *first == 0 || *first > *last) return std::nullopt;
  return PortRange{*first, *last};
}

std::string PortRange::to_string() const {
  return std::to_string(first) + "-" + std::to_string(last);
}

std::optional<ExternalAddress> ExternalAddress::parse(std::string_view text) {
  const size_t slash = text.find('/');
  const auto outside = IpAddress::parse(text.substr(0, slash));
  if (!outside || outside->is_unspecified()) return std::nullopt;
  if (slash == std::string_view::npos) return ExternalAddress{*outside, std::nullopt};

  const auto inside = IpAddress::parse(text.substr(slash + 1));
  if (!inside || inside->is_unspecified()) return std::nullopt;
  if (inside->family() != outside->family()) return std::nullopt;
  return ExternalAddress{*outside, *inside};
}

std::string ExternalAddress::to_string() const {
  std::string text = public_address.to_string();
  if (private_address) text += "/" + private_address->to_string();
  return text;
}

std::vector<ListenerUri> default_listeners() {
  constexpr uint16_t kPort = 3478;  // RFC 8489, Section 18.6
  return {{Transport::udp, {IpAddress::any(AddressFamily::ipv4), kPort}},
          {Transport::udp, {IpAddress::any(AddressFamily::ipv6), kPort}}};
}

}  // namespace uturn
