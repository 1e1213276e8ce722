// SimulatedServer: the real shards, relays and authentication on simulated loops.
#pragma once

#include <memory>
#include <vector>

#include "server/relay/port_pool.h"
#include "server/shard.h"
#include "tests/auth/slow_directory.h"
#include "tests/simulation/world/simulated_loop.h"
#include "tests/simulation/world/virtual_network.h"

namespace uturn {

struct ServerSpec {
  uint8_t shards = 2;
  uint8_t relay_addresses = 1;
  PortRange ports{50'000, 50'199};
  Limits limits{};      ///< as an operator sets them: of all shards together
  QuotaLimits quota{};  ///< bandwidth and classes; the rest of it is in `limits`
  LoopSettings loop{.batch = 16};
  int listener_buffer = UdpSocketSpec{}.receive_buffer;
  StreamSettings streams{};
  ConnectionLimits::Settings connections{};
  Duration work_per_datagram{};  ///< how long a core is busy with one; zero: no time at all
  bool asks_for_passwords = true;
};

class SimulatedServer {
 public:
  SimulatedServer(VirtualNetwork& network, const ServerSpec& spec);
  ~SimulatedServer();
  const QuotaLedger& quota() const { return quota_; }

  /// Of datagrams, and of connections.
  static TransportAddress listener() { return *TransportAddress::parse("192.0.2.10:3478"); }
  static IpAddress relay_ip() { return relay_ips(1).front(); }
  static std::vector<IpAddress> relay_ips(uint8_t count);  ///< 192.0.2.20 and the next ones
  static constexpr std::string_view kRealm = "example.org";

  /// Static users, password "secret-of-NAME": alice, bob, carol, and the guest gil; by the slow
  /// directory: dave, erin.
  static std::string password_of(std::string_view user) { return "secret-of-" + std::string{user}; }

  void set_trouble(const SocketTrouble& trouble);
  void answer_directories();  ///< the oldest question of each shard

  /// Network, timers and shards in turn: nobody waits in real time.
  void run_for(Duration duration);

  const ServerSpec& spec() const { return spec_; }
  const std::vector<std::unique_ptr<Shard>>& shards() const { return shards_; }
  size_t open_relay_sockets() const;
  uint32_t ports_taken() const { return ports_.taken(); }
  uint32_t quota_held() const { return quota_.held(); }
  /// As a reload does it.
  void set_quota(const QuotaLimits& quota);

 private:
  /// Passes of whatever shard has something to do and is not busy, until none has.
  void run_ready();
  Instant next_pass() const;

  VirtualNetwork& network_;
  ServerSpec spec_;
  SeededRandom port_random_;
  std::shared_ptr<const PeerPolicy> policy_;
  QuotaLedger quota_;
  PortPools ports_;
  PortPools tcp_ports_;
  ConnectionLimits connections_;
  ShardEvents events_;
  ShardChannel channel_;
  ShortcutRings shortcuts_;
  std::vector<std::shared_ptr<SlowDirectory>> directories_;
  std::vector<SimulatedLoop*> loops_;
  std::vector<std::unique_ptr<Shard>> shards_;
  std::vector<ShardSettings> settings_;
  std::vector<Instant> busy_until_;  ///< by shard
};

}  // namespace uturn
