// Channels: the client's copy of an allocation's channel bindings (RFC 8656, Section 12).
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "protocol/channel_data.h"
#include "protocol/time.h"
#include "protocol/transport_address.h"
#include "protocol/turn_lifetimes.h"

namespace uturn {

/// A binding is renewed this long after its request: it also renews the permission, which lives for
/// 300 s only.
inline constexpr Duration kChannelRenewal = 240s;
/// The client must not use number or peer otherwise for five minutes after the binding has expired.
inline constexpr Duration kChannelQuarantine = 300s;
inline constexpr size_t kMaxChannels = 256;

struct Channel {
  ChannelNumber number;
  PeerAddress peer;
  Instant expires_at{};  ///< the earliest the server may have unbound it
  Instant renew_at{};
  bool wanted = false;     ///< renewed; else it runs out and its quarantine follows
  bool under_way = false;  ///< a ChannelBind is on its way
  bool confirmed = false;  ///< the server said yes at least once

  bool is_active(Now now) const { return confirmed && !is_past(expires_at, now); }
};

class Channels {
 public:
  /// The peer's channel, a new one where it has none, its old one while that is in quarantine.
  /// nullptr where the table is full.
  const Channel* want(const PeerAddress& peer, Now now);
  void drop(ChannelNumber number);

  const Channel* find(const PeerAddress& peer) const;
  const Channel* find(ChannelNumber number) const;

  const Channel* next_due(Now now) const;
  Instant next_renewal() const;

  void request_started(ChannelNumber number);
  void bound(ChannelNumber number, Instant requested_at);
  void refused(ChannelNumber number);                    ///< the server said no
  void request_vanished(ChannelNumber number, Now now);  ///< no answer: it may be bound there

  void remove_family(AddressFamily family);
  void clear() { channels_.clear(); }
  size_t size() const { return channels_.size(); }

 private:
  Channel* lookup(ChannelNumber number);
  void remove_free(Now now);
  ChannelNumber unused_number();
  std::vector<Channel> channels_;
  uint16_t next_number_ = 0x4000;
};

}  // namespace uturn
