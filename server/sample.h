// ServerSample: what a server that runs does and holds, at one instant.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "io/loop.h"
#include "io/tls_certificate.h"
#include "protocol/time.h"
#include "server/directories/directories.h"
#include "server/dtls_clients.h"
#include "server/http/http_server.h"
#include "server/process_usage.h"
#include "server/proxied_clients.h"
#include "server/relay/counters.h"
#include "server/relay/traffic_class.h"
#include "server/shard_meter.h"
#include "server/shortcut_rings.h"
#include "server/streams/stream_counters.h"

namespace uturn {

/// Copied by the shard's own thread.
struct ShardSample {
  RelayCounters relay;
  LoopCounters loop;
  ShortcutCounters shortcuts;
  StreamCounters streams;
  DtlsCounters dtls;
  ProxyCounters proxied;
  ShardMeter meter;
  std::vector<TrafficClass> traffic;
  uint64_t allocations = 0;
  uint64_t reservations = 0;
  uint64_t pending = 0;
  uint64_t tcp_connections = 0;
  bool is_draining = false;
  double cpu_seconds = 0;  ///< of its thread
};

/// Ports of one relay address and protocol.
struct PortUsage {
  std::string address;
  std::string protocol;  ///< "udp", "tcp"
  uint32_t all = 0;
  uint32_t taken = 0;
  uint32_t resting = 0;
};

/// A user by name, for whoever asked for the few that relay most.
struct UserTraffic {
  std::string name;
  uint64_t allocations = 0;
  uint64_t bytes = 0;  ///< of allocations that live
};

/// A server of HTTP in this process.
struct HttpUsage {
  std::string service;  ///< "metrics", "admin", "credentials"
  HttpCounters counters;
};

struct ServerSample {
  std::vector<ShardSample> shards;
  uint32_t answering = 0;  ///< of `shards`; the others stand here as they were last heard
  std::vector<PortUsage> ports;
  std::vector<UserTraffic> top_users;
  std::vector<TlsCertificateFacts> certificates;
  ProcessUsage process;
  uint64_t allocations_held = 0;  ///< by the quota's count: reservations among them
  uint64_t allocations_limit = 0;
  uint64_t allocations_room = 0;           ///< what descriptors, ports and limits leave room for
  std::vector<uint64_t> messages_waiting;  ///< by worker
  std::vector<DirectoryReport> directories;
  std::vector<HttpUsage> http;
  uint64_t events_lost = 0;
  uint64_t events_waiting = 0;
  uint64_t failed_logins = 0;
  uint64_t failed_login_sources = 0;  ///< remembered
  bool is_draining = false;
  std::string io;
};

}  // namespace uturn
