// The settings of the credential service.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "protocol/time.h"
#include "protocol/transport_address.h"

namespace uturn {

/// Who may ask for credentials, and for which: known by the hash of a key that it shows.
struct ApiKey {
  std::array<uint8_t, 32> sha256{};
  std::string realm;             ///< empty: any; else a request that names another is refused
  Duration max_ttl{};            ///< 0: as long as credentials.max_ttl
  std::string credential_class;  ///< of limits.classes; empty: everybody's limits
  friend bool operator==(const ApiKey&, const ApiKey&) = default;
};

struct CredentialServiceConfig {
  std::optional<TransportAddress> listen;  ///< none: no HTTP
  std::string certificate;                 ///< both empty: plain HTTP
  std::string key;
  std::string socket;  ///< Unix, answers user:password; empty: none
  Duration ttl = std::chrono::hours(24);
  Duration max_ttl = std::chrono::hours(24);
  uint32_t requests_per_second = 10;  ///< of one source, IPv6 by /64
  uint32_t burst = 50;
  std::vector<std::string> origins;  ///< of pages that may ask themselves (CORS); * is any
  std::map<std::string, ApiKey> keys;

  bool is_off() const { return !listen && socket.empty(); }
};

}  // namespace uturn
