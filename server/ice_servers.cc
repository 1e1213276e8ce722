// iceServers.
#include "server/ice_servers.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace uturn {
namespace {

std::string host_and_port(const TransportAddress& address) {
  constexpr uint16_t kDefaultPort = 3478;
  const std::string ip = address.ip.to_string();
  std::string text = address.ip.is_v4() ? ip : "[" + ip + "]";
  if (address.port != kDefaultPort) text += ":" + std::to_string(address.port);
  return text;
}

}  // namespace

std::vector<std::string> ice_urls(const std::vector<ListenerUri>& listeners,
                                  const std::vector<ExternalMapping>& external,
                                  const std::vector<LocalAddress>& locals) {
  std::vector<std::string> stun;
  std::vector<std::string> turn;
  for (const ListenerUri& listener : listeners) {
    if (listener.address.ip.is_link_local()) continue;
    // A wildcard of one family must not be told by an address of the other.
    const auto addresses = choose_relay_addresses({listener}, locals);
    for (IpAddress ip : addresses) {
      if (ip.family() != listener.address.ip.family()) continue;
      for (const NatPair& pair : expand_external(external, {ip})) ip = pair.public_address;
      const std::string host = host_and_port({ip, listener.address.port});
      if (std::ranges::count(stun, "stun:" + host) > 0) continue;
      stun.push_back("stun:" + host);
      turn.push_back("turn:" + host + "?transport=udp");
    }
  }
  stun.insert(stun.end(), turn.begin(), turn.end());
  return stun;
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
