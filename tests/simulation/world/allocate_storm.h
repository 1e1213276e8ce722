// AllocateStorm: very many clients who want an allocation at the same time, as after an outage.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "tests/simulation/world/laws.h"
#include "tests/simulation/world/simulated_server.h"
#include "tests/simulation/world/storm_client.h"
#include "tests/simulation/world/virtual_network.h"

namespace uturn {

struct StormSpec {
  uint32_t clients = 50'000;
  uint32_t addresses = 64;                    ///< that they come from
  uint32_t behind_one_address = 0;            ///< so many have one of these addresses to themselves
  Duration within = std::chrono::seconds(3);  ///< each begins at an instant of its own
  RetransmissionSettings retransmission;
  Weather weather;
  ServerSpec server;
};

class AllocateStorm {
 public:
  AllocateStorm(const StormSpec& spec, uint64_t seed);

  void allocate();  ///< all of them, until every transaction has ended
  void release();   ///< all that have one, likewise
  void silence();   ///< afterwards, until nobody has anything to do any more

  /// Clients whose Allocate succeeded, by the relayed addresses they were told: all different.
  size_t allocated() const;
  size_t released() const;
  std::vector<std::string> failures() const;  ///< one for each client that failed

  const SimulatedServer& server() const { return server_; }
  const Laws& laws() const { return laws_; }
  bool is_silent() const { return network_.is_silent(); }
  uint64_t dropped_for(DropReason why) const;
  uint64_t kernel_drops() const;  ///< for want of room in a listener's receive buffer

 private:
  TransportAddress address_of(uint32_t client) const;
  void each_in_time(void (StormClient::*begin)());

  StormSpec spec_;
  VirtualNetwork network_;
  SimulatedServer server_;
  Laws laws_;
  SeededRandom random_;  ///< of all clients
  std::deque<StormClient> clients_;
};

}  // namespace uturn
