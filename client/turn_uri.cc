// TurnUri: parsing. Deliberately no generic URI parser (RFC 7065, Section 3.1 forbids one).
//
// Also: RFC 8489, Section 8.1.
#include "client/turn_uri.h"

#include <algorithm>
#include <charconv>

namespace uturn {
namespace {

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/// ASCII only, whatever the locale: schemes and transports are case-insensitive (RFC 3986, 3.1).
bool equal_ignoring_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

/// RFC 3986 allows more in a reg-name; no name that resolves has it.
bool is_host_name(std::string_view host) {
  if (host.empty() || host.size() > 253 || host.front() == '.' || host.front() == '-') return false;
  return std::ranges::all_of(
      host, [](char c) { return is_letter_or_digit(c) || c == '-' || c == '.' || c == '_'; });
}

std::optional<uint16_t> parse_port(std::string_view text) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

Transport transport_of(bool tcp, bool secure) {
  if (tcp) return secure ? Transport::tls : Transport::tcp;
  return secure ? Transport::dtls : Transport::udp;
}

struct HostAndPort {
  std::string_view host;
  std::optional<std::string_view> port;
};

/// "[2001:db8::1]:3478", "turn.example.org", "192.0.2.1:3478".
std::optional<HostAndPort> split(std::string_view text) {
  if (text.starts_with('[')) {
    const size_t end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view host = text.substr(1, end - 1);
    const std::string_view rest = text.substr(end + 1);
    const auto address = IpAddress::parse(host);
    if (!address || address->is_v4()) return std::nullopt;
    if (rest.empty()) return HostAndPort{host, std::nullopt};
    if (!rest.starts_with(':')) return std::nullopt;
    return HostAndPort{host, rest.substr(1)};
  }
  const size_t colon = text.find(':');
  const std::string_view host = text.substr(0, colon);
  if (!is_host_name(host)) return std::nullopt;
  if (colon == std::string_view::npos) return HostAndPort{host, std::nullopt};
  return HostAndPort{host, text.substr(colon + 1)};
}

}  // namespace

Result<TurnUri, UriError> TurnUri::parse(std::string_view text) {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) return Failure{UriError::unknown_scheme};
  const std::string_view scheme = text.substr(0, colon);
  TurnUri uri;
  uri.is_turn = equal_ignoring_case(scheme, "turn") || equal_ignoring_case(scheme, "turns");
  uri.is_secure = equal_ignoring_case(scheme, "stuns") || equal_ignoring_case(scheme, "turns");
  if (!uri.is_turn && !uri.is_secure && !equal_ignoring_case(scheme, "stun")) {
    return Failure{UriError::unknown_scheme};
  }
  text.remove_prefix(colon + 1);
  if (text.starts_with("//")) return Failure{UriError::hierarchical};

  bool tcp = uri.is_secure;  // RFC 5928, Section 3: turns without a transport is TLS over TCP
  if (const size_t question = text.find('?'); question != std::string_view::npos) {
    std::string_view query = text.substr(question + 1);
    text = text.substr(0, question);
    constexpr std::string_view kName = "transport=";
    if (!uri.is_turn || !equal_ignoring_case(query.substr(0, kName.size()), kName)) {
      return Failure{UriError::malformed_query};
    }
    query.remove_prefix(kName.size());
    tcp = equal_ignoring_case(query, "tcp");
    if (!tcp && !equal_ignoring_case(query, "udp")) return Failure{UriError::unknown_transport};
    uri.transport_is_explicit = true;
  }
  uri.transport = transport_of(tcp, uri.is_secure);

  const auto parts = split(text);
  if (!parts) return Failure{UriError::malformed_host};
  uri.host = parts->host;
  uri.port = uri.is_secure ? 5349 : 3478;
  if (parts->port) {
    const auto port = parse_port(*parts->port);
    if (!port) return Failure{UriError::malformed_port};
    uri.port = *port;
  }
  if (uri.is_secure && !uri.is_turn && uri.address()) return Failure{UriError::secure_with_address};
  return uri;
}

std::string TurnUri::to_string() const {
  std::string text{is_turn ? "turn" : "stun"};
  if (is_secure) text += 's';
  const bool brackets = host.find(':') != std::string::npos;
  text += brackets ? ":[" : ":";
  text += host;
  text += brackets ? "]:" : ":";
  text += std::to_string(port);
  if (transport_is_explicit) {
    const bool tcp = transport == Transport::tcp || transport == Transport::tls;
    text += tcp ? "?transport=tcp" : "?transport=udp";
  }
  return text;
}

std::string_view text_of(UriError error) {
  switch (error) {
    case UriError::unknown_scheme:
      return "the URI must start with stun:, stuns:, turn: or turns:";
    case UriError::hierarchical:
      return "the host follows the colon at once, without \"//\" (turn:host:port)";
    case UriError::malformed_host:
      return "the host is no name, IPv4 address or [IPv6 address]";
    case UriError::malformed_port:
      return "the port must be a number from 1 to 65535";
    case UriError::malformed_query:
      return "only turn: and turns: take a query, and only ?transport=udp or ?transport=tcp";
    case UriError::unknown_transport:
      return "the transport must be udp or tcp";
    case UriError::secure_with_address:
      return "stuns: needs a host name, because the certificate must name the host";
  }
  return "malformed URI";
}

}  // namespace uturn
