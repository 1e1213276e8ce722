// Finding, installing and forgetting permissions.
#include "server/relay/permission_table.h"

#include <algorithm>

#include "server/relay/limits.h"

namespace uturn {

const Permission* PermissionTable::find_among(const IpAddress& peer, Now now) const {
  const auto found = std::ranges::lower_bound(permissions_, peer, {}, &Permission::peer);
  if (found == permissions_.end() || found->peer != peer || is_past(found->expires_at, now)) {
    return nullptr;
  }
  return &*found;
}

bool PermissionTable::has_room_for(std::span<const IpAddress> peers, uint32_t limit, Now now) {
  if (permissions_.size() + peers.size() <= limit) return true;
  sweep(now);
  size_t missing = 0;
  for (size_t i = 0; i < peers.size(); ++i) {
    const auto earlier = peers.first(i);
    if (std::ranges::find(earlier, peers[i]) != earlier.end()) continue;
    if (find(peers[i], now) == nullptr) ++missing;
  }
  return permissions_.size() + missing <= limit;
}

void PermissionTable::install(const IpAddress& peer, PeerCheck check, Now now) {
  const Instant expires_at = now.monotonic + kPermissionLifetime;
  const auto at = std::ranges::lower_bound(permissions_, peer, {}, &Permission::peer);
  if (at != permissions_.end() && at->peer == peer) {
    *at = {peer, check, expires_at};
    return;
  }
  permissions_.insert(at, {peer, check, expires_at});
}

void PermissionTable::sweep(Now now) {
  std::erase_if(permissions_, [&](const Permission& p) { return is_past(p.expires_at, now); });
}

Instant PermissionTable::first_expiry() const {
  Instant first = kNever;
  for (const Permission& p : permissions_) first = std::min(first, p.expires_at);
  return first;
}

}  // namespace uturn
