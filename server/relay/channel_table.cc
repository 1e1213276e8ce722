// Binding, finding and forgetting channels.
#include "server/relay/channel_table.h"

#include <algorithm>
#include <numeric>

#include "server/relay/limits.h"

namespace uturn {

const ChannelBinding* ChannelTable::find(ChannelNumber number, Now now) const {
  const auto found = std::ranges::lower_bound(channels_, number, {}, &ChannelBinding::number);
  if (found == channels_.end() || found->number != number) return nullptr;
  return is_past(found->expires_at, now) ? nullptr : &*found;
}

const ChannelBinding* ChannelTable::find_among(const PeerAddress& peer, Now now) const {
  const TransportAddress& address = peer;
  const auto peer_at = [&](uint16_t at) -> const TransportAddress& { return channels_[at].peer; };
  const auto found = std::ranges::lower_bound(by_peer_, address, {}, peer_at);
  if (found == by_peer_.end() || peer_at(*found) != address) return nullptr;
  const ChannelBinding& channel = channels_[*found];
  return is_past(channel.expires_at, now) ? nullptr : &channel;
}

bool ChannelTable::has_room(uint32_t limit, Now now) {
  if (channels_.size() >= limit) sweep(now);
  return channels_.size() < limit;
}

void ChannelTable::bind(ChannelNumber number, const PeerAddress& peer, PeerCheck check, Now now) {
  sweep(now);  // an expired binding of this number or this peer makes way
  const ChannelBinding channel{number, peer, check, now.monotonic + kChannelLifetime};
  const auto at = std::ranges::lower_bound(channels_, number, {}, &ChannelBinding::number);
  if (at != channels_.end() && at->number == number) {
    CHECK(static_cast<const TransportAddress&>(at->peer) == peer);
    *at = channel;
    return;
  }
  channels_.insert(at, channel);
  index();
}

void ChannelTable::unbind(AddressFamily family) {
  std::erase_if(channels_, [&](const ChannelBinding& c) { return c.peer.ip.family() == family; });
  index();
}

void ChannelTable::sweep(Now now) {
  const auto gone =
      std::erase_if(channels_, [&](const ChannelBinding& c) { return is_past(c.expires_at, now); });
  if (gone > 0) index();
}

Instant ChannelTable::first_expiry() const {
  Instant first = kNever;
  for (const ChannelBinding& c : channels_) first = std::min(first, c.expires_at);
  return first;
}

void ChannelTable::index() {
  by_peer_.resize(channels_.size());
  std::iota(by_peer_.begin(), by_peer_.end(), uint16_t{0});
  std::ranges::sort(by_peer_, {},
                    [&](uint16_t at) -> const TransportAddress& { return channels_[at].peer; });
}

}  // namespace uturn
