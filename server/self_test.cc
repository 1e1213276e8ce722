// Visiting ourselves with the probe.
#include "server/self_test.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "client/tools/probe.h"

namespace uturn {
namespace {

/// "failed: allocate: the server did not answer in time", from the probe's own report.
std::string failure_text(const std::string& report) {
  const auto json = nlohmann::json::parse(report, nullptr, false);
  if (json.is_discarded()) return "failed";
  for (const auto& step : json.value("steps", nlohmann::json::array())) {
    if (step.value("status", "") != "failed") continue;
    return "failed: " + step.value("name", "") + ": " + step.value("cause", "");
  }
  return "failed";
}

}  // namespace

std::string self_test(const std::vector<ListenerUri>& listeners, const std::string& username,
                      const std::string& password) {
  const auto listener = std::ranges::find(listeners, Transport::udp, &ListenerUri::transport);
  if (listener == listeners.end()) return "nothing was tested: no UDP listener";
  TransportAddress address = listener->address;
  if (address.ip.is_unspecified()) {
    address.ip = *IpAddress::parse(address.ip.is_v4() ? "127.0.0.1" : "::1");
  }
  ProbeOptions options;
  options.uri = (username.empty() ? "stun:" : "turn:") + address.to_string();
  options.username = username;
  options.password = password;
  options.json = true;
  // Signals wait for us, and one that says stop must be heard within a second.
  options.timeout = std::chrono::seconds(1);

  std::ostringstream report;
  std::ostringstream problem;
  const int status = run_probe(options, report, problem);
  OPENSSL_cleanse(options.password.data(), options.password.size());
  if (status == kProbeHealthy) {
    return username.empty() ? "binding ok" : "binding ok, allocate ok, relay loop ok";
  }
  return failure_text(report.str());
}

}  // namespace uturn
