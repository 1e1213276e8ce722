// Visiting ourselves with the probe.
#include "server/self_test.h"

#include <sstream>

#include "client/tools/probe.h"

namespace uturn {

std::string self_test(const std::vector<ListenerUri>& listeners, const std::string& username,
                      const std::string& password) {
  if (listeners.empty()) return "nothing to test: no listener";
  TransportAddress address = listeners.front().address;
  if (address.ip.is_unspecified()) {
    address.ip = *IpAddress::parse(address.ip.is_v4() ? "127.0.0.1" : "::1");
  }
  ProbeOptions options;
  options.uri = (username.empty() ? "stun:" : "turn:") + address.to_string();
  options.username = username;
  options.password = password;
  options.timeout = std::chrono::seconds(3);

  std::ostringstream table;
  std::ostringstream problem;
  const int status = run_probe(options, table, problem);
  if (status == kProbeHealthy) {
    return username.empty() ? "binding ok" : "binding ok, allocate ok, relay loop ok";
  }
  return "failed; `uturn probe " + options.uri + "` says more";
}

}  // namespace uturn
