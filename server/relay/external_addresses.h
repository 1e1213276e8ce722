// ExternalAddresses: a server behind 1:1 NAT shows its public addresses, and understands them.
#pragma once

#include <vector>

#include "protocol/transport_address.h"
#include "server/relay/relay_ports.h"

namespace uturn {

struct ExternalAddress {
  IpAddress shown;  ///< what the world sees
  IpAddress local;  ///< the relay address it stands for
};

/// Ports are the same on both sides. Applied where addresses enter and leave, nowhere between:
/// relayed addresses and peers are shown as the world sees them, and a peer named by a shown
/// address is reached locally.
class ExternalAddresses {
 public:
  explicit ExternalAddresses(std::vector<ExternalAddress> pairs = {}) : pairs_(std::move(pairs)) {}

  /// A local relay address as the world sees it; any other address as it is.
  TransportAddress outward(const TransportAddress& local) const {
    return pairs_.empty() ? local : find_outward(local);
  }
  /// A shown address as it is here. Where several local addresses share one, the one that holds the
  /// port.
  TransportAddress inward(const TransportAddress& shown, const HeldPorts& held) const {
    return pairs_.empty() ? shown : find_inward(shown, held);
  }

 private:
  TransportAddress find_outward(const TransportAddress& local) const;
  TransportAddress find_inward(const TransportAddress& shown, const HeldPorts& held) const;
  std::vector<ExternalAddress> pairs_;
};

}  // namespace uturn
