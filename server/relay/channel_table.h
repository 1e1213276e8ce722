// ChannelTable: which number stands for which peer on one allocation (RFC 8656, Section 12).
#pragma once

#include <cstdint>
#include <vector>

#include "protocol/channel_data.h"
#include "protocol/time.h"
#include "protocol/transport_address.h"
#include "server/relay/permission_table.h"

namespace uturn {

struct ChannelBinding {
  ChannelNumber number;
  PeerAddress peer;
  PeerCheck check = PeerCheck::none;
  Instant expires_at;
};

/// Found by number on the way to a peer and by peer on the way back. Sorted by number; the other
/// order is kept beside it. At most `Limits::channels_per_allocation`. An expired channel does not
/// exist.
class ChannelTable {
 public:
  const ChannelBinding* find(ChannelNumber number, Now now) const;
  const ChannelBinding* find(const PeerAddress& peer, Now now) const {
    if (channels_.size() != 1) return find_among(peer, now);
    // Most have one, and are asked for each datagram.
    const ChannelBinding& only = channels_.front();
    const bool is_of = static_cast<const TransportAddress&>(only.peer) == peer;
    return is_of && !is_past(only.expires_at, now) ? &only : nullptr;
  }
  bool has_room(uint32_t limit, Now now);

  /// Binds or refreshes. The caller has checked that neither is bound otherwise.
  void bind(ChannelNumber number, const PeerAddress& peer, PeerCheck check, Now now);
  /// Ends the channels to peers of this family: its half of a dual allocation is gone.
  void unbind(AddressFamily family);
  void sweep(Now now);
  void prefetch() const { __builtin_prefetch(channels_.data()); }
  size_t size() const { return channels_.size(); }
  Instant first_expiry() const;  ///< kNever when empty

 private:
  const ChannelBinding* find_among(const PeerAddress& peer, Now now) const;
  void index();
  std::vector<ChannelBinding> channels_;
  std::vector<uint16_t> by_peer_;  ///< positions in channels_, sorted by peer
};

}  // namespace uturn
