// The values of Config that have a text form of their own: listeners and NAT mappings.
#include "server/config.h"

#include <utility>

namespace uturn {
namespace {

constexpr std::pair<std::string_view, Transport> kSchemes[] = {
    {"udp", Transport::udp},
    {"tcp", Transport::tcp},
    {"tls", Transport::tls},
    {"dtls", Transport::dtls},
};

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

std::optional<ExternalMapping> ExternalMapping::parse(std::string_view text) {
  const size_t slash = text.find('/');
  const auto outside = IpAddress::parse(text.substr(0, slash));
  if (!outside || outside->is_unspecified()) return std::nullopt;
  if (slash == std::string_view::npos) return ExternalMapping{*outside, std::nullopt};

  const auto inside = IpAddress::parse(text.substr(slash + 1));
  if (!inside || inside->is_unspecified()) return std::nullopt;
  if (inside->family() != outside->family()) return std::nullopt;
  return ExternalMapping{*outside, *inside};
}

std::string ExternalMapping::to_string() const {
  std::string text = public_address.to_string();
  if (private_address) text += "/" + private_address->to_string();
  return text;
}

std::vector<CertificateFiles> TlsConfig::all() const {
  std::vector<CertificateFiles> files;
  if (main != CertificateFiles{}) files.push_back(main);
  files.insert(files.end(), certificates.begin(), certificates.end());
  return files;
}

TransportAddress MetricsConfig::default_listen() {
  return {IpAddress::v4(std::array<uint8_t, 4>{127, 0, 0, 1}), 9641, 0};
}

std::vector<ListenerUri> default_listeners() {
  constexpr uint16_t kPort = 3478;  // RFC 8489, Section 18.6
  return {{Transport::udp, {IpAddress::any(AddressFamily::ipv4), kPort}},
          {Transport::udp, {IpAddress::any(AddressFamily::ipv6), kPort}},
          {Transport::tcp, {IpAddress::any(AddressFamily::ipv4), kPort}},
          {Transport::tcp, {IpAddress::any(AddressFamily::ipv6), kPort}}};
}

std::vector<std::string> realm_names(const Config& config) {
  std::vector<std::string> names{config.server.realm};
  for (const auto& [name, realm] : config.realms) {
    if (name != config.server.realm) names.push_back(name);
  }
  return names;
}

QuotaLimits quota_limits_of(const Config& config) {
  return {.allocations = config.limits.allocations,
          .allocations_per_user = config.limits.allocations_per_user,
          .allocations_per_client_ip = config.limits.allocations_per_client_ip,
          .bandwidth = config.quota.bandwidth,
          .bandwidth_per_user = config.quota.bandwidth_per_user,
          .bandwidth_per_allocation = config.quota.bandwidth_per_allocation,
          .classes = config.quota.classes};
}

}  // namespace uturn
