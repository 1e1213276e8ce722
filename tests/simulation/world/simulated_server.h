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
  PortRange ports{50'000, 50'199};
  Limits limits;
};

class SimulatedServer {
 public:
  SimulatedServer(VirtualNetwork& network, const ServerSpec& spec);
  ~SimulatedServer();

  static TransportAddress listener() { return *TransportAddress::parse("192.0.2.10:3478"); }
  static IpAddress relay_ip() { return *IpAddress::parse("192.0.2.20"); }
  static constexpr std::string_view kRealm = "example.org";

  /// Static users, password "secret-of-NAME": alice, bob, carol; by the slow directory: dave, erin.
  static std::string password_of(std::string_view user) { return "secret-of-" + std::string{user}; }

  void set_trouble(const SocketTrouble& trouble);
  void answer_directories();  ///< the oldest question of each shard

  /// Passes of whatever shard has something to do, until none has.
  void run_ready();
  Instant next_deadline() const;

  const ServerSpec& spec() const { return spec_; }
  const std::vector<std::unique_ptr<Shard>>& shards() const { return shards_; }
  size_t open_relay_sockets() const;
  uint32_t ports_taken() const { return ports_.taken(); }
  uint32_t quota_held() const { return quota_.held(); }

 private:
  VirtualNetwork& network_;
  ServerSpec spec_;
  SeededRandom port_random_;
  PeerPolicy policy_;
  QuotaLedger quota_;
  PortPools ports_;
  ShardEvents events_;
  ShardChannel channel_;
  ShortcutRings shortcuts_;
  std::vector<std::shared_ptr<SlowDirectory>> directories_;
  std::vector<SimulatedLoop*> loops_;
  std::vector<std::unique_ptr<Shard>> shards_;
};

}  // namespace uturn
