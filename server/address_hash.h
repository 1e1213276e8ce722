// AddressHash: a name for an address that is its own for a day, and tells nobody whose it is.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>

#include "auth/random.h"
#include "protocol/transport_address.h"

namespace uturn {

/// Keyed by a secret that is drawn at start and never leaves the process: who has the log cannot
/// try all addresses. Days are UTC's.
class AddressHash {
 public:
  explicit AddressHash(Random& random) { random.fill(secret_); }

  std::string name_of(const IpAddress& address,
                      std::chrono::sys_days day) const;  ///< "~5d41402abc4b"

 private:
  std::array<uint8_t, 32> secret_{};
};

}  // namespace uturn
