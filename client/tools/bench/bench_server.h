// BenchServer: whom a run talks to, and over what.
#pragma once

#include <memory>
#include <string>

#include "client/tools/client_security.h"
#include "protocol/transport_address.h"

namespace uturn {

struct BenchServer {
  TransportAddress address{};
  Transport transport = Transport::udp;
  std::string name{};                             ///< the URI's host
  std::shared_ptr<const ClientTlsContext> tls{};  ///< of TLS and DTLS

  bool has_connections() const { return transport != Transport::udp; }
};

}  // namespace uturn
