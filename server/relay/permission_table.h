// PermissionTable: the peers' IP addresses that one relayed transport address may talk to (RFC
// 8656, Section 9).
#pragma once

#include <cstdint>
#include <vector>

#include "protocol/time.h"
#include "protocol/transport_address.h"

namespace uturn {

/// What else is to be asked about a datagram to or from a permitted address.
enum class PeerCheck : uint8_t {
  none,
  each_port,  ///< an address of this server: held relay ports pass, other ports are the policy's
              ///< business
};

struct Permission {
  IpAddress peer;
  PeerCheck check = PeerCheck::none;
  Instant expires_at;
};

/// Sorted by address; at most `Limits::permissions_per_allocation`. An expired permission does not
/// exist, though its memory goes only when the allocation is swept or room is needed.
class PermissionTable {
 public:
  const Permission* find(const IpAddress& peer, Now now) const {
    if (permissions_.size() != 1) return find_among(peer, now);
    // Most have one, and are asked for each datagram.
    const Permission& only = permissions_.front();
    return only.peer == peer && !is_past(only.expires_at, now) ? &only : nullptr;
  }
  /// How many of `peers` have no entry yet, each counted once: asked before anything is installed.
  bool has_room_for(std::span<const IpAddress> peers, uint32_t limit, Now now);
  void install(const IpAddress& peer, PeerCheck check, Now now);
  void sweep(Now now);
  void prefetch() const { __builtin_prefetch(permissions_.data()); }
  size_t size() const { return permissions_.size(); }
  Instant first_expiry() const;  ///< kNever when empty

 private:
  const Permission* find_among(const IpAddress& peer, Now now) const;

  std::vector<Permission> permissions_;
};

}  // namespace uturn
