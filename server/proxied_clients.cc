// ProxiedClients: "The PROXY protocol", Section 2.2, before datagrams.
#include "server/proxied_clients.h"

#include <algorithm>
#include <utility>

namespace uturn {

ProxiedClients::ProxiedClients(std::vector<AddressRange> proxies, Random& random, Now now)
    : proxies_(std::move(proxies)),
      clients_(0, Hash{random.next_u64()}),
      deadlines_(now),
      now_(now) {}

bool ProxiedClients::is_proxy(const IpAddress& source) const {
  return std::ranges::any_of(
      proxies_, [&](const AddressRange& range) { return range.contains(source.canonical()); });
}

std::optional<ProxiedClients::Announced> ProxiedClients::read(Bytes datagram) {
  ++counters_.datagrams_in;
  const auto header = read_datagram_proxy_header(datagram);
  // Port 0 is nobody's: an answer could never arrive.
  if (!header || (header->announced && header->announced->source.port == 0)) {
    ++counters_.no_header;
    return std::nullopt;
  }
  Announced announced{std::nullopt, datagram.subspan(header->consumed)};
  if (header->announced) announced.client = header->announced->source;
  return announced;
}

bool ProxiedClients::update(SocketId listener, const FiveTuple& client,
                            const TransportAddress& proxy) {
  const auto found = clients_.find(key_of(listener, client));
  if (found == clients_.end()) return false;
  found->second.proxy = proxy;
  return true;
}

void ProxiedClients::remember(SocketId listener, const FiveTuple& client,
                              const TransportAddress& proxy) {
  if (clients_.size() == kMost) {
    ++counters_.table_full;
    return;
  }
  const Key key = key_of(listener, client);
  if (!clients_.emplace(key, Entry{client, proxy, next_number_}).second) return;
  by_number_.emplace(next_number_, key);
  deadlines_.add(now_.monotonic + kCheck, next_number_);
  ++next_number_;
  ++counters_.clients;
}

void ProxiedClients::await(SocketId listener, const FiveTuple& client,
                           const TransportAddress& proxy) {
  if (waiting_.size() < kMostWaiting) {
    waiting_.push_back({key_of(listener, client), proxy});
    return;
  }
  waiting_[next_waiting_] = {key_of(listener, client), proxy};
  next_waiting_ = (next_waiting_ + 1) % kMostWaiting;
}

TransportAddress ProxiedClients::route_of_waiting(SocketId listener,
                                                  const FiveTuple& client) const {
  const auto waits = std::ranges::find(waiting_, key_of(listener, client), &Waiting::key);
  return waits == waiting_.end() ? route(listener, client.client, client.server.ip) : waits->proxy;
}

TransportAddress ProxiedClients::route(SocketId listener, const TransportAddress& client,
                                       const IpAddress& server) const {
  const auto found = clients_.find({listener, client, server});
  return found == clients_.end() ? client : found->second.proxy;
}

}  // namespace uturn
