// TrafficClass: allocations that an operator counts together, and what they relay.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/counter.h"
#include "protocol/transport_address.h"

namespace uturn {

/// One way, in plain integers. Bytes are payload.
struct Flow {
  Counter packets = 0;
  Counter bytes = 0;
  void add(size_t payload) {
    ++packets;
    bytes += payload;
  }
  void add(const Flow& flow) {
    packets += flow.packets;
    bytes += flow.bytes;
  }
};

/// What relayed transport addresses of one family have relayed.
struct FamilyTraffic {
  Flow to_peers;
  Flow to_clients;
};

/// Counted as it happens, so that a call of four hours is no step at its end.
struct TrafficClass {
  ServerAddress server;  ///< whom its clients talk to …
  Transport transport{};
  std::string realm;
  bool is_rest = false;  ///< … unless it is what found no class of its own

  std::array<FamilyTraffic, 2> families{};  ///< of relayed addresses: IPv4, IPv6
  uint64_t allocations = 0;                 ///< now
  uint64_t allocations_made = 0;
  uint64_t allocations_used = 0;  ///< that have relayed something

  FamilyTraffic& of(AddressFamily family) {
    return families[family == AddressFamily::ipv4 ? 0 : 1];
  }
};

/// Bounded: server addresses and realms are the operator's, but a wildcard listener may have many
/// of the former. Classes stay where they are and never go. Asked by requests.
class TrafficClasses {
 public:
  static constexpr size_t kMost = 1'024;

  TrafficClass& of(const ServerAddress& server, Transport transport, std::string_view realm);
  const std::vector<std::unique_ptr<TrafficClass>>& all() const { return classes_; }
  /// What all of them have relayed.
  FamilyTraffic total() const;

 private:
  std::vector<std::unique_ptr<TrafficClass>> classes_;
};

}  // namespace uturn
