// iceServers.
#include "server/ice_servers.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace uturn {
namespace {

/// What a client has to say for one transport, in the order of preference.
struct UrlForm {
  Transport transport;
  std::string_view scheme;
  uint16_t default_port;  // RFC 7064, Section 3.2; RFC 7065, Section 3.2
  std::string_view query;
};
constexpr UrlForm kUrlForms[] = {
    {Transport::udp, "stun:", 3478, ""},
    {Transport::udp, "turn:", 3478, "?transport=udp"},
    {Transport::tcp, "turn:", 3478, "?transport=tcp"},
    {Transport::tls, "turns:", 5349, "?transport=tcp"},
    {Transport::dtls, "turns:", 5349, "?transport=udp"},
};

bool is_secure(Transport transport) {
  return transport == Transport::tls || transport == Transport::dtls;
}

std::string bracketed(const IpAddress& ip) {
  return ip.is_v4() ? ip.to_string() : "[" + ip.to_string() + "]";
}

/// The addresses by which clients reach this listener.
std::vector<std::string> hosts_of(const ListenerUri& listener,
                                  const std::vector<ExternalMapping>& external,
                                  const std::vector<LocalAddress>& locals) {
  std::vector<std::string> hosts;
  if (listener.address.ip.is_link_local()) return hosts;
  for (IpAddress ip : choose_relay_addresses({listener}, locals)) {
    // A wildcard of one family must not be told by an address of the other.
    if (ip.family() != listener.address.ip.family()) continue;
    for (const NatPair& pair : expand_external(external, {ip})) ip = pair.public_address;
    hosts.push_back(bracketed(ip));
  }
  return hosts;
}

std::string url_of(const UrlForm& form, const std::string& host, uint16_t port) {
  std::string url = std::string(form.scheme) + host;
  if (port != form.default_port) url += ":" + std::to_string(port);
  return url + std::string(form.query);
}

}  // namespace

std::vector<std::string> ice_urls(const std::vector<ListenerUri>& listeners,
                                  const std::vector<ExternalMapping>& external,
                                  const std::vector<LocalAddress>& locals,
                                  const std::string& certified_name) {
  std::vector<std::string> urls;
  for (const UrlForm& form : kUrlForms) {
    for (const ListenerUri& listener : listeners) {
      if (listener.transport != form.transport) continue;
      for (std::string host : hosts_of(listener, external, locals)) {
        if (is_secure(form.transport) && !certified_name.empty()) host = certified_name;
        std::string url = url_of(form, host, listener.address.port);
        if (std::ranges::count(urls, url) == 0) urls.push_back(std::move(url));
      }
    }
  }
  return urls;
}

std::vector<ListenerUri> listeners_of_realm(const std::vector<ListenerUri>& listeners,
                                            const std::string& realm,
                                            const std::string& default_realm) {
  const bool has_own = std::ranges::count(listeners, realm, &ListenerUri::realm) > 0;
  const bool takes_common = !has_own || realm == default_realm;
  std::vector<ListenerUri> found;
  for (const ListenerUri& listener : listeners) {
    const bool is_common = listener.realm.empty();
    if (is_common ? takes_common : listener.realm == realm) found.push_back(listener);
  }
  return found;
}

std::string ice_servers_json(const std::vector<std::string>& urls, std::string_view username,
                             std::string_view credential) {
  nlohmann::ordered_json server;
  server["urls"] = urls;
  if (!username.empty()) {
    server["username"] = username;
    server["credential"] = credential;
  }
  const nlohmann::ordered_json all = {{"iceServers", nlohmann::ordered_json::array({server})}};
  return all.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace uturn
