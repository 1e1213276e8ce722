// Probe: `uturn probe URI`, a client's visit to a STUN/TURN server, told to people or to programs.
#pragma once

#include <chrono>
#include <iosfwd>
#include <string>

#include "client/tools/client_security.h"

namespace uturn {

/// What the command line says.
struct ProbeOptions {
  std::string uri;         ///< RFC 7064 or 7065: "turn:turn.example.org?transport=udp"
  std::string username{};  ///< empty: no credentials
  std::string password{};
  SecurityWish security{};           ///< --insecure, --ca
  bool json = false;                 ///< one JSON object instead of a table
  std::chrono::seconds timeout{10};  ///< for the whole visit, 1 s at least
};

inline constexpr int kProbeHealthy = 0;
inline constexpr int kProbeUnhealthy = 1;
inline constexpr int kProbeUsage = 2;  ///< a malformed URI, an unreadable --ca

/// Binding, then for a turn URI Allocate and a datagram through the server's own relay both ways,
/// by indication and by channel. Returns the exit status. Reads clocks, resolves names and blocks.
int run_probe(const ProbeOptions& options, std::ostream& out, std::ostream& err);

}  // namespace uturn
