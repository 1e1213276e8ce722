// Simulation: three acts by one seed: storm, calm, silence.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/simulation/world/actors.h"
#include "tests/simulation/world/laws.h"
#include "tests/simulation/world/simulated_server.h"
#include "tests/simulation/world/stream_actors.h"
#include "tests/simulation/world/virtual_network.h"

namespace uturn {

/// Storm: a bad network, sockets that fail, slow directories, villains. Calm: a good network, in
/// which every polite client must succeed. Silence: everybody is gone, time passes, and nothing may
/// remain.
class Simulation {
 public:
  explicit Simulation(uint64_t seed);

  void storm();
  void calm();
  void silence();

  const std::vector<std::string>& violations() const { return violations_; }
  uint64_t trace() const { return network_.trace(); }
  uint64_t delivered() const { return network_.delivered(); }
  uint64_t relayed() const { return laws_.relayed(); }
  const SimulatedServer& server() const { return server_; }

 private:
  void run_for(Duration duration) { server_.run_for(duration); }
  void every(Duration pause, std::function<void()> what, const bool& while_true);
  void check_fates();
  void require_none(const std::vector<std::string>& findings);
  void require(bool holds, std::string what);

  uint64_t seed_;
  VirtualNetwork network_;
  SimulatedServer server_;
  Laws laws_;
  std::vector<std::unique_ptr<EchoPeer>> peers_;
  std::vector<std::unique_ptr<PoliteClient>> clients_;
  std::vector<std::unique_ptr<PoliteStreamClient>> stream_clients_;
  Villain villain_;
  StreamVillain stream_villain_;
  bool storms_ = false;
  bool answers_ = true;
  std::vector<std::string> violations_;
};

}  // namespace uturn
