// Visiting ourselves with the probe's steps.
#include "server/self_test.h"

#include <openssl/crypto.h>
#include <sys/socket.h>

#include <algorithm>
#include <future>
#include <optional>

#include "client/tools/make_connection.h"
#include "client/tools/probe_visit.h"
#include "io/control_messages.h"

namespace uturn {
namespace {

// Signals wait for us, and one that says stop must be heard within a second.
constexpr std::chrono::seconds kPatience{1};

/// Whether what we send there comes from a proxy's address.
bool is_proxy_towards(const TransportAddress& address, const std::vector<AddressRange>& proxies) {
  if (proxies.empty()) return false;
  const auto socket = ClientSocket::open(ClientSocket::Kind::datagram, address);
  SocketName name;
  socklen_t size = sizeof name;
  if (!socket || ::getsockname(socket->fd(), &name.any, &size) != 0) return false;
  const IpAddress source = read_name(name).ip.canonical();
  return std::ranges::any_of(proxies,
                             [&](const AddressRange& range) { return range.contains(source); });
}

/// How a visit ended: empty, or "allocate: the server did not answer in time".
std::string visit(Transport transport, const TransportAddress& address, bool is_proxy,
                  const std::string& username, const std::string& password) {
  const bool relays = !username.empty();
  std::optional<ClientSecurity> security;
  if (uses_tls(transport)) {
    // Whom the certificate names is the operator's business; that there is TLS is what is tried.
    auto made = ClientSecurity::make({.insecure = true}, "localhost", relays);
    if (!made) return "connect: " + made.error();
    security = *std::move(made);
  }
  ProbeSettings settings{.username = username,
                         .password = password,
                         .transport = transport,
                         .relays = relays,
                         .security = security ? &*security : nullptr,
                         .is_proxy = is_proxy};
  const Instant end = read_clocks().monotonic + kPatience;
  ProbeVisit attempt{settings, address, end};
  OPENSSL_cleanse(settings.password.data(), settings.password.size());
  if (attempt.connect_and_bind() && relays) attempt.relay(end);
  for (const ProbeStep& step : attempt.take_steps()) {
    if (step.status == ProbeStep::Status::failed) return step.name + ": " + step.cause;
  }
  return {};
}

std::optional<TransportAddress> first_of(const std::vector<ListenerUri>& listeners,
                                         Transport transport) {
  const auto listener = std::ranges::find(listeners, transport, &ListenerUri::transport);
  if (listener == listeners.end()) return std::nullopt;
  TransportAddress address = listener->address;
  if (address.ip.is_unspecified()) {
    address.ip = *IpAddress::parse(address.ip.is_v4() ? "127.0.0.1" : "::1");
  }
  return address;
}

/// Where clients of this transport find us: a listener for TCP takes TLS, too, if anybody can.
std::optional<TransportAddress> place_of(const std::vector<ListenerUri>& listeners,
                                         Transport transport, bool has_certificate) {
  if (uses_tls(transport) && !has_certificate) return std::nullopt;
  auto place = first_of(listeners, transport);
  if (!place && transport == Transport::tls) place = first_of(listeners, Transport::tcp);
  return place;
}

/// "udp, tcp and tls"
std::string spoken_list(const std::vector<std::string>& names) {
  std::string text;
  for (size_t i = 0; i < names.size(); ++i) {
    if (i > 0) text += i + 1 == names.size() ? " and " : ", ";
    text += names[i];
  }
  return text;
}

}  // namespace

std::string self_test(const std::vector<ListenerUri>& listeners, bool has_certificate,
                      const std::string& username, const std::string& password,
                      const std::vector<AddressRange>& proxies) {
  struct Visit {
    std::string name;
    std::future<std::string> failure;
  };
  std::vector<Visit> visits;
  for (const Transport transport :
       {Transport::udp, Transport::tcp, Transport::tls, Transport::dtls}) {
    const auto place = place_of(listeners, transport, has_certificate);
    if (!place) continue;
    visits.push_back(
        {std::string{name_of(transport)},
         std::async(std::launch::async, visit, transport, *place, is_proxy_towards(*place, proxies),
                    std::cref(username), std::cref(password))});
  }
  if (visits.empty()) return "nothing was tested: no listener";

  std::vector<std::string> healthy;
  std::string failures;
  for (Visit& each : visits) {
    const std::string failure = each.failure.get();
    if (failure.empty()) {
      healthy.push_back(each.name);
    } else {
      failures += "failed over " + each.name + ": " + failure + "; ";
    }
  }
  const std::string steps =
      username.empty() ? "binding ok" : "binding ok, allocate ok, relay loop ok";
  if (healthy.empty()) return failures.substr(0, failures.size() - 2);
  return failures + steps + " over " + spoken_list(healthy);
}

}  // namespace uturn
