// What the parts of a server are told of its configuration, at start and by a reload.
#include "server/admin/dashboard_server.h"
#include "server/capacity.h"
#include "server/server.h"

namespace uturn {

std::vector<ExternalAddress> Server::external_of(const Config& config) const {
  std::vector<ExternalAddress> external;
  for (const NatPair& pair : expand_external(config.relay.external, relay_addresses_)) {
    external.push_back({pair.public_address, pair.private_address});
  }
  return external;
}

ConnectionLimits::Settings Server::connection_limits() const {
  const StreamLimits& streams = config_.stream_limits;
  return {streams.connections, streams.connections_per_source, streams.handshakes};
}

// Only a listener for TLS or DTLS may be told to take nothing else.
TakesPlain Server::takes_plain(const ListenerUri& uri) const {
  const bool is_plain = uri.transport == Transport::udp || uri.transport == Transport::tcp;
  return is_plain || config_.tls.plain ? TakesPlain::yes : TakesPlain::no;
}

PeerPolicy::Settings Server::policy_settings() const {
  PeerPolicy::Settings settings;
  settings.allow = config_.peers.allow;
  settings.deny = config_.peers.deny;
  for (const ListenerUri& uri : uris_) settings.own_services.push_back(uri.address);
  if (credentials_ && credentials_->address()) {
    settings.own_services.push_back(*credentials_->address());
  }
  if (dashboard_) settings.own_services.push_back(dashboard_->address());
  if (metrics_http_) settings.own_services.push_back(metrics_http_->address());
  settings.local_addresses = addresses_of(locals_);
  for (const ExternalAddress& pair : external_) settings.local_addresses.push_back(pair.shown);
  return settings;
}

ShardSettings Server::shard_settings(uint8_t shard) const {
  ShardSettings settings;
  settings.relay.limits = limits_of_worker(config_.limits, workers_);
  settings.relay.channels = config_.relay.channels;
  settings.relay.default_family = default_family_;
  settings.relay.external = ExternalAddresses{external_};
  settings.relay.software = config_.server.software;
  settings.relay.shortcut = config_.relay.shortcut;
  settings.relay.alternates = config_.server.alternates;
  settings.relay.alternate_domain = config_.server.alternate_domain;
  settings.relay.idle_gives_way = config_.quota.idle_gives_way;
  settings.relay.ends_at_expiry = config_.auth.end_at_expiry;
  settings.relay.shard = shard;
  settings.relay.shards = workers_;
  settings.relay_socket.receive_buffer = static_cast<int>(config_.server.relay_buffer);
  settings.relay_socket.send_buffer = static_cast<int>(config_.server.relay_buffer);
  settings.relay_socket.freebind = config_.server.freebind;
  const StreamLimits& streams = config_.stream_limits;
  settings.relay.limits.tcp_connections_per_allocation = streams.tcp_connections_per_allocation;
  settings.streams.handshake_timeout = streams.handshake_timeout;
  settings.streams.first_message_timeout = streams.first_message_timeout;
  settings.streams.idle_timeout = streams.idle_timeout;
  settings.streams.queue_bytes = streams.stream_queue;
  settings.streams.queue_age = streams.stream_queue_age;
  settings.streams.proxies = config_.proxy.from;
  settings.dtls.handshake_timeout = streams.handshake_timeout;
  settings.dtls.first_message_timeout = streams.first_message_timeout;
  settings.dtls.idle_timeout = streams.idle_timeout;
  settings.dtls.answers = settings.relay.limits;
  return settings;
}

}  // namespace uturn
