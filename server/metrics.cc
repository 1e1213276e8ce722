// Every metric by name: each is documented in the README and, where an alert or a picture needs it,
// named in etc/.
#include "server/metrics.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <map>
#include <string>
#include <tuple>

#include "server/capacity_metrics.h"
#include "server/coturn_metrics.h"
#include "server/directory_metrics.h"
#include "server/metric_families.h"
#include "server/statistics.h"

namespace uturn {
namespace {

std::string_view transport_name(Transport transport) {
  switch (transport) {
    case Transport::udp:
      return "udp";
    case Transport::tcp:
      return "tcp";
    case Transport::tls:
      return "tls";
    case Transport::dtls:
      return "dtls";
  }
  return "unknown";
}

std::string method_label(Method method) {
  switch (method) {
    case Method::binding:
      return "binding";
    case Method::allocate:
      return "allocate";
    case Method::refresh:
      return "refresh";
    case Method::create_permission:
      return "create_permission";
    case Method::channel_bind:
      return "channel_bind";
    case Method::connect:
      return "connect";
    case Method::connection_bind:
      return "connection_bind";
    default:
      return "other";
  }
}

std::string with_underscores(std::string_view text) {
  std::string out(text);
  std::ranges::replace(out, ' ', '_');
  return out;
}

/// Traffic of all shards by what an operator tells apart: a wildcard's addresses are one listener.
struct TrafficKey {
  std::string listener;
  std::string_view transport;
  std::string realm;
  auto operator<=>(const TrafficKey&) const = default;
};
using TrafficByKey = std::map<TrafficKey, TrafficClass>;

TrafficByKey sum_traffic(const ServerSample& sample, const std::vector<ListenerUri>& listeners) {
  TrafficByKey sums;
  for (const ShardSample& shard : sample.shards) {
    for (const TrafficClass& part : shard.traffic) {
      TrafficKey key{"other", "other", ""};
      if (!part.is_rest) {
        key = {listener_of(part.server, part.transport, listeners), transport_name(part.transport),
               part.realm};
      }
      TrafficClass& sum = sums[key];
      for (size_t i = 0; i < sum.families.size(); ++i) {
        sum.families[i].to_peers.add(part.families[i].to_peers);
        sum.families[i].to_clients.add(part.families[i].to_clients);
      }
      sum.allocations += part.allocations;
      sum.allocations_made += part.allocations_made;
      sum.allocations_used += part.allocations_used;
    }
  }
  return sums;
}

void add_flows(MetricFamilies& out, const TrafficByKey& traffic, Counter Flow::* number) {
  for (const auto& [key, sum] : traffic) {
    for (const size_t i : {0, 1}) {
      const std::string_view family = i == 0 ? "ipv4" : "ipv6";
      const FamilyTraffic& flows = sum.families[i];
      const bool is_silent = flows.to_peers.packets + flows.to_clients.packets == 0 &&
                             flows.to_peers.bytes + flows.to_clients.bytes == 0;
      if (is_silent) continue;
      for (const bool to_peer : {true, false}) {
        out.add((to_peer ? flows.to_peers : flows.to_clients).*number,
                {{"listener", key.listener},
                 {"transport", key.transport},
                 {"family", family},
                 {"realm", key.realm},
                 {"direction", to_peer ? "to_peer" : "to_client"}});
      }
    }
  }
}

void add_by_class(MetricFamilies& out, const TrafficByKey& traffic,
                  uint64_t TrafficClass::* number) {
  for (const auto& [key, sum] : traffic) {
    out.add(sum.*number,
            {{"listener", key.listener}, {"transport", key.transport}, {"realm", key.realm}});
  }
}

void tell_traffic(MetricFamilies& out, const TrafficByKey& traffic, const RelayCounters& relay,
                  const LoopCounters& loop) {
  out.counter("uturn_relayed_packets_total", "Datagrams relayed, as they happen.");
  add_flows(out, traffic, &Flow::packets);
  out.counter("uturn_relayed_bytes_total",
              "Payload bytes relayed, as they happen, those of TCP allocations among them.");
  add_flows(out, traffic, &Flow::bytes);

  out.counter("uturn_received_packets_total", "Datagrams read from the network, all kinds.",
              loop.datagrams_in);
  out.counter("uturn_received_bytes_total", "Their bytes.", loop.bytes_in);
  out.counter("uturn_sent_packets_total", "Datagrams handed to the network.", loop.datagrams_out);
  out.counter("uturn_sent_bytes_total", "Their bytes.", loop.bytes_out);

  out.counter("uturn_dropped_packets_total",
              "Datagrams that were not relayed or answered, and why.");
  for (size_t i = 0; i < kDropReasons; ++i) {
    out.add(relay.drops[i], {{"reason", name_of(static_cast<DropReason>(i))}});
  }
  out.counter("uturn_socket_drops_total", "Datagrams lost between the kernel and the relay.");
  out.add(loop.kernel_drops, {{"reason", "kernel_queue_full"}});
  out.add(loop.truncated_drops, {{"reason", "truncated"}});
  out.add(loop.control_truncated_drops, {{"reason", "control_truncated"}});
  out.add(loop.send_would_block_drops, {{"reason", "send_queue_full"}});
  out.add(loop.send_error_drops, {{"reason", "send_error"}});
  out.counter("uturn_icmp_errors_total",
              "ICMP errors for what was relayed: told to clients, or not.");
  out.add(relay.icmp_told, {{"outcome", "told"}});
  for (size_t i = 0; i < kDropReasons; ++i) {
    if (relay.icmp_drops[i] == 0) continue;
    out.add(relay.icmp_drops[i], {{"outcome", name_of(static_cast<DropReason>(i))}});
  }
}

void tell_requests(MetricFamilies& out, const RelayCounters& relay) {
  out.counter("uturn_requests_total", "Requests answered, by method and result.");
  for (const Method method : kRequestMethods) {
    for (const uint16_t result : kResults) {
      const uint64_t number = relay.results.of(method, result);
      if (number == 0 && result != 0) continue;
      out.add(number, {{"method", method_label(method)},
                       {"result", result == 0 ? "success" : std::to_string(result)}});
    }
  }
  out.counter("uturn_authentications_total", "Requests by how their credentials fared.");
  out.add(relay.authenticated, {{"outcome", "accepted"}});
  for (size_t i = 0; i < kAuthFailures; ++i) {
    out.add(relay.auth_failures[i],
            {{"outcome", with_underscores(name_of(static_cast<AuthFailure>(i)))}});
  }
  out.counter("uturn_challenges_total", "Answers that carried a nonce.", relay.challenges);
  out.counter("uturn_peers_denied_total", "Peers refused with 403.", relay.peers_denied);
  out.counter("uturn_deferred_requests_total", "Requests that waited for somebody else's answer.",
              relay.defers);
  out.counter("uturn_deferred_expired_total", "Of these, those that waited in vain.",
              relay.pending_expired);
}

void tell_allocations(MetricFamilies& out, const ServerSample& sample, const TrafficByKey& traffic,
                      const RelayCounters& relay) {
  out.gauge("uturn_allocations", "Allocations that live.");
  add_by_class(out, traffic, &TrafficClass::allocations);
  out.counter("uturn_allocations_created_total", "Allocations made.");
  add_by_class(out, traffic, &TrafficClass::allocations_made);
  out.counter("uturn_allocations_used_total", "Allocations that have relayed something.");
  add_by_class(out, traffic, &TrafficClass::allocations_used);
  out.counter("uturn_allocations_permitted_total", "Allocations that have got a permission.",
              relay.allocations_permitted);
  out.counter("uturn_allocations_never_used_total", "Allocations that ended without relaying.",
              relay.allocations_never_used);
  out.counter("uturn_allocations_ended_total", "Allocations that ended, and why.");
  out.add(relay.allocations_deleted, {{"reason", "deleted"}});
  out.add(relay.allocations_expired, {{"reason", "expired"}});
  out.add(relay.allocations_disconnected, {{"reason", "disconnected"}});
  out.add(relay.allocations_kicked, {{"reason", "kicked"}});
  out.add(relay.allocations_stopped, {{"reason", "stopped"}});
  out.gauge("uturn_allocations_held", "What the quota counts: allocations and reservations.",
            sample.allocations_held);
  out.gauge("uturn_allocations_room",
            "Allocations that descriptors, ports and limits have room for.",
            sample.allocations_room);
  out.gauge("uturn_permissions", "Permissions that live.", relay.permissions);
  out.gauge("uturn_channels", "Channels that live.", relay.channels);

  uint64_t pending = 0, reservations = 0, tcp_connections = 0;
  for (const ShardSample& shard : sample.shards) {
    pending += shard.pending;
    reservations += shard.reservations;
    tcp_connections += shard.tcp_connections;
  }
  out.gauge("uturn_pending_requests", "Requests that wait for somebody else's answer.", pending);
  out.gauge("uturn_reservations", "Ports held for a RESERVATION-TOKEN.", reservations);
  out.gauge("uturn_tcp_peer_connections", "Connections to the peers of TCP allocations.",
            tcp_connections);
  out.counter("uturn_tcp_connects_total", "Connections asked for by TCP allocations.");
  out.add(relay.tcp_connected, {{"outcome", "connected"}});
  out.add(relay.tcp_connects_failed, {{"outcome", "failed"}});
  out.counter("uturn_tcp_bound_total", "Connections joined with a client's.", relay.tcp_bound);

  if (sample.top_users.empty()) return;
  out.gauge("uturn_top_user_bytes", "Payload of the live allocations of who relays most.");
  for (const UserTraffic& user : sample.top_users) out.add(user.bytes, {{"user", user.name}});
  out.gauge("uturn_top_user_allocations", "Their allocations.");
  for (const UserTraffic& user : sample.top_users) out.add(user.allocations, {{"user", user.name}});
}

void tell_ports(MetricFamilies& out, const ServerSample& sample, const RelayCounters& relay) {
  const auto each = [&](uint32_t PortUsage::* number) {
    for (const PortUsage& ports : sample.ports) {
      out.add(ports.*number, {{"address", ports.address}, {"protocol", ports.protocol}});
    }
  };
  out.gauge("uturn_relay_ports", "Ports of the relay range.");
  each(&PortUsage::all);
  out.gauge("uturn_relay_ports_used", "Ports that allocations and reservations hold.");
  each(&PortUsage::taken);
  out.gauge("uturn_relay_ports_resting",
            "Ports that another process held, left alone for a while.");
  each(&PortUsage::resting);
  out.counter("uturn_relay_ports_occupied_total", "Ports of the range found in others' hands.",
              relay.ports_occupied);
}

void tell_loops(MetricFamilies& out, const ServerSample& sample, const Statistics& sum) {
  const LoopCounters& loop = sum.loop();
  ShardMeter meter;
  out.counter("uturn_worker_cpu_seconds_total", "CPU time of each worker.");
  for (size_t i = 0; i < sample.shards.size(); ++i) {
    out.add(sample.shards[i].cpu_seconds, {{"worker", std::to_string(i)}});
    const ShardMeter& part = sample.shards[i].meter;
    for (size_t b = 0; b < meter.batches.size(); ++b) meter.batches[b] += part.batches[b];
    for (size_t b = 0; b < meter.passes.size(); ++b) meter.passes[b] += part.passes[b];
    meter.datagrams += part.datagrams;
    meter.pass_nanoseconds += part.pass_nanoseconds;
  }
  out.counter("uturn_worker_received_packets_total", "Datagrams read by each worker.");
  for (size_t i = 0; i < sample.shards.size(); ++i) {
    out.add(sample.shards[i].loop.datagrams_in, {{"worker", std::to_string(i)}});
  }

  std::vector<double> bounds;
  for (const auto bound : kPassBounds)
    bounds.push_back(std::chrono::duration<double>(bound).count());
  out.histogram("uturn_loop_pass_seconds", "From the first arrival of a pass until all was sent.");
  out.add_histogram(bounds, {meter.passes.begin(), meter.passes.end()},
                    static_cast<double>(meter.pass_nanoseconds) * 1e-9);
  bounds.clear();
  for (size_t i = 0; i < kBatchBounds; ++i) bounds.push_back(static_cast<double>(1U << i));
  out.histogram("uturn_loop_batch_packets", "Datagrams handed over at once.");
  out.add_histogram(bounds, {meter.batches.begin(), meter.batches.end()},
                    static_cast<double>(meter.datagrams));
  out.counter("uturn_loop_passes_total", "Turns of the loops.", loop.passes);
  out.counter("uturn_loop_batched_waits_total", "Waits that let datagrams gather.",
              loop.batched_waits);
  out.counter("uturn_receive_rearms_total", "Multishot receives that had ended.", loop.rearms);
  out.counter("uturn_receive_buffers_exhausted_total", "Receives that found no buffer.",
              loop.buffers_exhausted);
  out.counter("uturn_ring_overflows_total", "Completions that found their queue full.");
  out.add(loop.completions_late, {{"outcome", "late"}});
  out.add(loop.completions_lost, {{"outcome", "lost"}});
  out.counter("uturn_gso_sends_total", "Sends of more than one datagram.", loop.gso_sends);
  out.counter("uturn_gso_packets_total", "Datagrams in them.", loop.gso_datagrams);
  out.counter("uturn_gso_refused_total", "Sends that the kernel took singly only.",
              loop.gso_refused);
  out.counter("uturn_gro_receives_total", "Receives of more than one datagram.", loop.gro_trains);
  out.counter("uturn_send_retries_total", "Sends repeated after another destination's ICMP error.",
              loop.send_soft_retries);
  out.gauge("uturn_connected_peers", "Busy peers with a socket of their own.", loop.twins);
  const ShortcutCounters& shortcuts = sum.shortcuts();
  out.counter("uturn_shortcuts_total", "Datagrams between two clients, past the kernel or not.");
  out.add(sum.relay().shortcuts_here, {{"way", "same_worker"}});
  out.add(shortcuts.sent, {{"way", "other_worker"}});
  out.add(shortcuts.full + shortcuts.too_long + shortcuts.without_ring, {{"way", "kernel"}});
}

void tell_streams(MetricFamilies& out, const LoopCounters& loop, const StreamCounters& streams) {
  out.gauge("uturn_connections", "Stream connections open: clients' and peers'.", loop.streams);
  out.counter("uturn_connections_accepted_total", "Stream connections accepted.",
              loop.streams_accepted);
  out.counter("uturn_connections_refused_total", "Accepts that failed.", loop.streams_refused);
  out.counter("uturn_connection_bytes_total", "Bytes of stream connections.");
  out.add(loop.stream_bytes_in, {{"direction", "in"}});
  out.add(loop.stream_bytes_out, {{"direction", "out"}});
  out.gauge("uturn_client_connections", "Of these, clients' over TCP and TLS.",
            streams.connections);
  out.counter("uturn_client_connections_closed_total", "Clients' connections that ended, and why.");
  for (size_t i = 0; i < kCloseReasons; ++i) {
    out.add(streams.closed[i], {{"reason", name_of(static_cast<CloseReason>(i))}});
  }
  out.counter("uturn_client_messages_dropped_total",
              "Messages for clients of streams that were lost, each whole.");
  out.add(streams.dropped_full, {{"reason", "queue_full"}});
  out.add(streams.dropped_old, {{"reason", "too_old"}});
  out.add(streams.dropped_without_block, {{"reason", "no_memory"}});
  out.add(streams.dropped_gone, {{"reason", "connection_ended"}});
  out.counter("uturn_tls_sessions_resumed_total", "TLS handshakes completed by a ticket.",
              streams.handshakes_resumed);
  out.gauge("uturn_tcp_joined_connections", "Pairs of a client's and a peer's connection.",
            streams.joined_now);
  out.gauge("uturn_tcp_waiting_connections",
            "Those of them that are not read for now: a bandwidth limit holds them back.",
            streams.joined_waiting);
  out.counter("uturn_tcp_waits_total", "Times that one began to wait for bandwidth.",
              streams.joined_waits);
  out.counter("uturn_tcp_relayed_bytes_total", "Bytes relayed by TCP allocations.");
  out.add(streams.joined_bytes_to_peers, {{"direction", "to_peer"}});
  out.add(streams.joined_bytes_to_clients, {{"direction", "to_client"}});
}

void tell_security(MetricFamilies& out, const ServerSample& sample, const Statistics& sum) {
  const StreamCounters& streams = sum.streams();
  const DtlsCounters& dtls = sum.dtls();
  out.counter("uturn_tls_handshakes_total", "TLS and DTLS handshakes, begun and completed.");
  out.add(streams.handshakes, {{"protocol", "tls"}, {"stage", "begun"}});
  out.add(streams.handshakes_done, {{"protocol", "tls"}, {"stage", "completed"}});
  out.add(dtls.handshakes, {{"protocol", "dtls"}, {"stage", "begun"}});
  out.add(dtls.handshakes_done, {{"protocol", "dtls"}, {"stage", "completed"}});
  out.counter("uturn_failed_logins_total",
              "Attempts to log in that failed, of clients who receive at their address.",
              sample.failed_logins);
  out.gauge("uturn_failed_login_sources", "Networks that failed to log in, as far as remembered.",
            sample.failed_login_sources);
  out.gauge("uturn_dtls_sessions", "DTLS sessions of clients.", dtls.sessions);
  out.counter("uturn_dtls_hellos_refused_total", "DTLS hellos that no session came of.",
              dtls.hellos_refused + dtls.hellos_unanswered);
  out.counter("uturn_proxy_headers_refused_total",
              "Datagrams of a proxy without a header that is right.", sum.proxied().no_header);
  const auto seconds = [](CalendarTime time) {
    return std::chrono::duration<double>(time.time_since_epoch()).count();
  };
  out.gauge("uturn_certificate_expiry_timestamp_seconds",
            "When each certificate expires, in seconds since 1970.");
  for (const TlsCertificateFacts& facts : sample.certificates) {
    out.add(seconds(facts.expires_at), {{"file", facts.origin}, {"subject", facts.subject}});
  }
}

void tell_process(MetricFamilies& out, const ServerSample& sample) {
  const ProcessUsage& process = sample.process;
  out.gauge("uturn_build_info", "What this is; always 1.");
  out.add(1, {{"version", UTURN_VERSION},
              {"openssl", OpenSSL_version(OPENSSL_VERSION_STRING)},
              {"io", sample.io}});
  out.gauge("uturn_workers", "Worker threads.", sample.shards.size());
  out.gauge("uturn_workers_answering", "Of these, those that answered this scrape.",
            sample.answering);
  out.gauge("uturn_draining", "1: new allocations are refused.", sample.is_draining ? 1 : 0);
  out.counter("uturn_log_events_lost_total", "More happened than was logged.", sample.events_lost);
  out.counter("process_cpu_seconds_total", "CPU time of the process.", process.cpu_seconds);
  out.gauge("process_resident_memory_bytes", "Resident memory.", process.resident_bytes);
  out.gauge("process_virtual_memory_bytes", "Virtual memory.", process.virtual_bytes);
  out.gauge("process_open_fds", "Open descriptors.", process.open_descriptors);
  out.gauge("process_max_fds", "Descriptors that may be open.", process.max_descriptors);
  out.gauge("process_threads", "Threads.", process.threads);
  out.gauge("process_start_time_seconds", "When it started, in seconds since 1970.",
            process.start_time);
}

bool may_be_of(const ListenerUri& listener, const ServerAddress& server, Transport transport) {
  // A tcp listener takes TLS too, and the other way round; udp and dtls alike.
  const auto is_stream_transport = [](Transport t) {
    return t == Transport::tcp || t == Transport::tls;
  };
  return listener.address.port == server.port &&
         listener.address.ip.family() == server.ip.family() &&
         is_stream_transport(listener.transport) == is_stream_transport(transport);
}

}  // namespace

std::string listener_of(const ServerAddress& server, Transport transport,
                        const std::vector<ListenerUri>& listeners) {
  const ListenerUri* wildcard = nullptr;
  for (const ListenerUri& listener : listeners) {
    if (!may_be_of(listener, server, transport)) continue;
    if (listener.address.ip == server.ip) return listener.to_string();
    if (listener.address.ip.is_unspecified()) wildcard = &listener;
  }
  return wildcard ? wildcard->to_string() : "other";
}

std::string metrics_text(const ServerSample& sample, const MetricsOptions& options) {
  Statistics sum;
  for (const ShardSample& shard : sample.shards) {
    sum.add(shard.relay, shard.loop, shard.shortcuts, shard.streams);
    sum.add(shard.dtls, shard.proxied);
  }
  const TrafficByKey traffic = sum_traffic(sample, options.listeners);
  MetricFamilies out;
  tell_process(out, sample);
  tell_traffic(out, traffic, sum.relay(), sum.loop());
  tell_requests(out, sum.relay());
  tell_allocations(out, sample, traffic, sum.relay());
  tell_ports(out, sample, sum.relay());
  tell_limits(out, sum);
  tell_loops(out, sample, sum);
  tell_queues(out, sample, sum.streams());
  tell_directories(out, sample);
  tell_http(out, sample);
  tell_streams(out, sum.loop(), sum.streams());
  tell_security(out, sample, sum);
  if (options.coturn_names) tell_in_coturn_names(out, sample, sum);
  return out.text();
}

}  // namespace uturn
