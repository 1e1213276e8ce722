// StormClient: one of very many, who wants an allocation and later to be rid of it.
#pragma once

#include <optional>
#include <string>

#include "client/turn_client.h"
#include "tests/simulation/world/virtual_network.h"

namespace uturn {

/// A TurnClient on a transport address of its own and nothing else, so that there is room for tens
/// of thousands. Stays where it is until the network is silent: its timers come back to it.
class StormClient {
 public:
  struct Spec {
    TransportAddress address;
    TransportAddress server;
    TurnClient::Settings settings;
  };
  StormClient(VirtualNetwork& network, Spec spec, Random& random);

  void allocate();
  void release();

  /// Where its success response said that it relays.
  const std::optional<RelayedAddress>& relayed() const { return relayed_; }
  bool has_released() const { return has_released_; }
  const std::optional<std::string>& failure() const { return failure_; }

 private:
  void pump();
  void arm();
  void on_event(const TurnEvent& event);

  VirtualNetwork& network_;
  TransportAddress address_;
  TransportAddress server_;
  TurnClient client_;
  Instant armed_ = kNever;
  std::optional<RelayedAddress> relayed_;
  bool has_released_ = false;
  std::optional<std::string> failure_;
};

}  // namespace uturn
