// Permissions: the client's copy of an allocation's permissions (RFC 8656, Section 9).
#pragma once

#include <cstddef>
#include <vector>

#include "protocol/time.h"
#include "protocol/transport_address.h"
#include "protocol/turn_lifetimes.h"

namespace uturn {

/// How long before an expiry a refresh starts: time for a whole retransmission schedule (39.5 s).
inline constexpr Duration kRefreshMargin = 60s;
inline constexpr size_t kMaxPermissions = 512;

/// A permission is *wanted* while somebody asked for it and nobody dropped it, and then it is
/// refreshed. One that came with a channel is active but not wanted: the channel keeps it alive.
/// Lifetimes count from when the request was first sent, so they never end here later than there.
class Permissions {
 public:
  /// To be installed as soon as possible; false where the table is full.
  bool want(const IpAddress& peer, Now now);
  void drop(const IpAddress& peer);

  /// A wanted permission whose time has come and that no request is about to install; null: none.
  const IpAddress* next_due(Now now) const;
  Instant next_refresh() const;

  /// A CreatePermission or ChannelBind for this peer is under way.
  void request_started(const IpAddress& peer);
  void installed(const IpAddress& peer, Instant requested_at);
  void refused(const IpAddress& peer);        ///< the server said no: neither wanted nor refreshed
  void request_ended(const IpAddress& peer);  ///< without news about the permission

  bool is_active(const IpAddress& peer, Now now) const;
  /// Active, or about to be: the server may have installed it before we heard so.
  bool is_expected(const IpAddress& peer, Now now) const;

  void remove_family(AddressFamily family);
  void clear() { entries_.clear(); }
  size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    IpAddress peer;
    Instant expires_at{};
    Instant refresh_at{};
    bool wanted = false;
    bool under_way = false;
  };
  Entry* find(const IpAddress& peer);
  const Entry* find(const IpAddress& peer) const;
  void remove_expired(Now now);
  std::vector<Entry> entries_;  ///< few: scanning beats hashing
};

}  // namespace uturn
