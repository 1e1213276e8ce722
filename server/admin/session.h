// Session: an allocation as an operator sees it, copied out of its shard.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "auth/address_range.h"
#include "protocol/result.h"
#include "protocol/time.h"
#include "protocol/transport_address.h"
#include "server/relay/allocation.h"

namespace uturn {

/// Names one life of one allocation: "SHARD-SLOT-GENERATION". Never names a later one.
struct SessionId {
  uint8_t shard = 0;
  AllocationId allocation;

  static std::optional<SessionId> parse(std::string_view text);
  std::string to_string() const;
  friend bool operator==(const SessionId&, const SessionId&) = default;
};

struct Session {
  SessionId id;
  std::string user;  ///< empty under --no-auth
  std::string quota_id;
  std::string realm;
  FiveTuple five_tuple;
  std::array<std::optional<TransportAddress>, 2> relayed;  ///< IPv4, IPv6, as they are here
  bool relays_tcp = false;
  Duration age{};
  Duration idle{};
  Duration expires_in{};
  Traffic traffic;
  uint32_t permissions = 0;
  uint32_t channels = 0;
  uint32_t tcp_connections = 0;

  uint64_t bytes() const { return traffic.bytes_to_peers + traffic.bytes_to_client; }
};

Session session_of(const Allocation& allocation, uint8_t shard, Now now);

/// Which sessions are meant; what is not set is not asked.
struct SessionFilter {
  std::optional<std::string> user{};  ///< one that ends in * stands for all that begin so
  std::optional<std::string> realm{};
  std::optional<AddressRange> client{};
  std::optional<Duration> min_age{};
  std::optional<Duration> min_idle{};

  bool is_empty() const { return !user && !realm && !client && !min_age && !min_idle; }
  bool matches(const Allocation& allocation, Now now) const;
};

}  // namespace uturn
