// Reading the wire and judging it.
#include "tests/simulation/world/laws.h"

#include "protocol/attributes.h"
#include "protocol/peer_addresses.h"
#include "server/relay/limits.h"

namespace uturn {

Laws::Laws(TransportAddress listener, std::vector<IpAddress> relay_ips)
    : listener_(listener), relay_ips_(std::move(relay_ips)) {}

void Laws::observe(const VirtualDatagram& datagram, Instant now) {
  if (datagram.to == listener_) on_request(datagram);
  if (datagram.from == listener_) on_answer(datagram, now);
  const bool is_relayed = std::ranges::find(relay_ips_, datagram.from.ip) != relay_ips_.end();
  if (is_relayed) on_relayed(datagram, now);
}

void Laws::on_request(const VirtualDatagram& datagram) {
  ++clients_[datagram.from].received;
  const auto message = MessageView::parse(datagram.bytes);
  if (!message || message->message_class() != MessageClass::request) return;
  const Method method = message->method();
  if (method != Method::create_permission && method != Method::channel_bind) return;
  Asked asked{{}, method == Method::channel_bind};
  for (const auto peer : PeerAddresses(*message)) {
    if (peer) asked.peers.push_back(peer->ip);
  }
  asked_.try_emplace(message->transaction_id().bytes, std::move(asked));
}

void Laws::on_answer(const VirtualDatagram& datagram, Instant now) {
  const auto found = clients_.find(datagram.to);
  if (found == clients_.end()) {
    violate("a datagram to " + datagram.to.to_string() + ", who never sent any");
    return;
  }
  Client& client = found->second;
  ++client.answered;
  const auto message = MessageView::parse(datagram.bytes);
  if (message && message->message_class() == MessageClass::success &&
      message->method() != Method::binding) {
    client.is_proved = true;
    if (const auto relayed = message->find(AttributeType::xor_relayed_address)) {
      const auto address = *decode_xor_address(relayed->value, message->transaction_id());
      if (client.relayed != address) permitted_.erase(address);  // a new life of this port
      client.relayed = address;
    }
    const auto asked = asked_.find(message->transaction_id().bytes);
    if (asked != asked_.end()) {
      for (const IpAddress& peer : asked->second.peers) {
        const auto lifetime = asked->second.is_channel ? kChannelLifetime : kPermissionLifetime;
        Instant& until = permitted_[client.relayed][peer];
        until = std::max(until, now + lifetime);
      }
    }
  }
  // A duplicate on the way may have doubled a request, not more.
  if (!client.is_proved && client.answered > 2 * client.received) {
    violate("more answers than requests to the unproved " + datagram.to.to_string());
  }
}

void Laws::on_relayed(const VirtualDatagram& datagram, Instant now) {
  const auto& peers = permitted_[datagram.from];
  const auto found = peers.find(datagram.to.ip);
  if (found == peers.end()) {
    violate("relayed to the stranger " + datagram.to.to_string());
  } else if (found->second < now) {
    violate("relayed to " + datagram.to.to_string() + " after its permission ended");
  } else {
    ++relayed_;
  }
}

}  // namespace uturn
