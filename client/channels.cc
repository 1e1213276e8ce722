// Channels: numbers given to peers, and when either may be used otherwise.
#include "client/channels.h"

#include <algorithm>

namespace uturn {
namespace {

constexpr uint16_t kFirstNumber = 0x4000;  // RFC 8656, Section 12, Table 2
constexpr uint16_t kLastNumber = 0x4FFF;

}  // namespace

const Channel* Channels::want(const PeerAddress& peer, Now now) {
  remove_free(now);
  const auto known = std::ranges::find(channels_, peer, &Channel::peer);
  if (known != channels_.end()) {
    if (!known->wanted) known->renew_at = now.monotonic;
    known->wanted = true;
    return &*known;
  }
  if (channels_.size() == kMaxChannels) return nullptr;
  channels_.push_back({.number = unused_number(),
                       .peer = peer,
                       .expires_at = now.monotonic,
                       .renew_at = now.monotonic,
                       .wanted = true});
  return &channels_.back();
}

void Channels::drop(ChannelNumber number) {
  if (Channel* channel = lookup(number)) channel->wanted = false;
}

const Channel* Channels::find(const PeerAddress& peer) const {
  const auto found = std::ranges::find(channels_, peer, &Channel::peer);
  return found == channels_.end() ? nullptr : &*found;
}

const Channel* Channels::find(ChannelNumber number) const {
  const auto found = std::ranges::find(channels_, number, &Channel::number);
  return found == channels_.end() ? nullptr : &*found;
}

const Channel* Channels::next_due(Now now) const {
  const auto due = std::ranges::find_if(channels_, [now](const Channel& channel) {
    return channel.wanted && !channel.under_way && is_past(channel.renew_at, now);
  });
  return due == channels_.end() ? nullptr : &*due;
}

Instant Channels::next_renewal() const {
  Instant next = kNever;
  for (const Channel& channel : channels_) {
    if (channel.wanted && !channel.under_way) next = std::min(next, channel.renew_at);
  }
  return next;
}

void Channels::request_started(ChannelNumber number) {
  if (Channel* channel = lookup(number)) channel->under_way = true;
}

void Channels::bound(ChannelNumber number, Instant requested_at) {
  Channel* channel = lookup(number);
  if (!channel) return;
  channel->expires_at = requested_at + kChannelLifetime;
  channel->renew_at = requested_at + kChannelRenewal;
  channel->under_way = false;
  channel->confirmed = true;
}

void Channels::refused(ChannelNumber number) {
  Channel* channel = lookup(number);
  if (!channel) return;
  channel->wanted = false;
  channel->under_way = false;
  // Never bound there, so number and peer are free at once.
  if (!channel->confirmed) {
    std::erase_if(channels_, [number](const Channel& other) { return other.number == number; });
  }
}

void Channels::request_vanished(ChannelNumber number, Now now) {
  Channel* channel = lookup(number);
  if (!channel) return;
  channel->wanted = false;
  channel->under_way = false;
  channel->confirmed = false;
  channel->expires_at = now.monotonic + kChannelLifetime;
}

void Channels::remove_family(AddressFamily family) {
  std::erase_if(channels_,
                [family](const Channel& channel) { return channel.peer.ip.family() == family; });
}

Channel* Channels::lookup(ChannelNumber number) {
  const auto found = std::ranges::find(channels_, number, &Channel::number);
  return found == channels_.end() ? nullptr : &*found;
}

void Channels::remove_free(Now now) {
  std::erase_if(channels_, [now](const Channel& channel) {
    return !channel.wanted && !channel.under_way &&
           is_past(channel.expires_at + kChannelQuarantine, now);
  });
}

// Ends: there are more numbers (4096) than channels.
ChannelNumber Channels::unused_number() {
  for (;;) {
    const auto number = ChannelNumber::from_wire(next_number_);
    next_number_ = next_number_ == kLastNumber ? kFirstNumber : next_number_ + 1;
    CHECK(number);
    if (!find(*number)) return *number;
  }
}

}  // namespace uturn
