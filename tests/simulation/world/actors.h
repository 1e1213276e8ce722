// Actors: polite clients, peers that echo, and whoever wishes the server ill.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "client/turn_client.h"
#include "tests/simulation/world/virtual_network.h"

namespace uturn {

/// Sends back whatever it gets.
class EchoPeer {
 public:
  EchoPeer(VirtualNetwork& network, const TransportAddress& address);
  const TransportAddress& address() const { return address_; }

 private:
  VirtualNetwork& network_;
  TransportAddress address_;
};

/// A client that keeps to the RFCs: allocates, talks to a peer, refreshes, and begins anew on
/// another port when its allocation is lost. Counts what comes back.
class PoliteClient {
 public:
  struct Habits {
    std::string user;
    IpAddress ip;
    PeerAddress peer;
    bool binds_channel = true;
    bool reserves = false;  ///< EVEN-PORT with the R bit, and a second life that shows the token
    PoliteClient* calls = nullptr;  ///< its peer is that client's relayed address, wherever it is
    bool answers_calls = false;     ///< sends back what comes from a relayed address
    bool is_forgetful = false;      ///< lets its permission run out and goes on sending
    Duration pause = std::chrono::seconds(2);  ///< between pings
  };
  PoliteClient(VirtualNetwork& network, TransportAddress server, Habits habits, uint64_t seed);

  void start();
  void stop_pinging() { pings_ = false; }
  void release();  ///< Refresh 0
  void vanish();   ///< without a word
  bool is_allocated() const { return client_ && client_->state() == TurnClient::State::allocated; }
  bool is_forgetful() const { return habits_.is_forgetful; }
  uint32_t pings() const { return sent_; }
  uint32_t echoes() const { return heard_; }
  void forget_counts() { sent_ = heard_ = 0; }
  const std::vector<std::string>& failures() const { return failures_; }

 private:
  void begin();
  void pump();
  void arm();
  void ping();
  void on_event(const TurnEvent& event);
  std::optional<Bytes> write_ping(Bytes data, MutableBytes out);
  void on_data(const PeerDatagram& datagram);

  VirtualNetwork& network_;
  TransportAddress server_;
  Habits habits_;
  SeededRandom random_;
  uint64_t owner_;
  TransportAddress address_;
  std::optional<TurnClient> client_;
  std::optional<uint64_t> token_;
  std::vector<std::string> failures_;
  uint64_t life_ = 0;  ///< timers of an earlier life find another number
  Instant armed_ = kNever;
  uint32_t sent_ = 0;
  uint32_t heard_ = 0;
  bool pings_ = true;
  bool is_pinging_ = false;
};

/// Sends garbage, broken requests, requests of others with a bit flipped, replays from elsewhere,
/// and floods.
class Villain {
 public:
  Villain(VirtualNetwork& network, TransportAddress server, uint64_t seed);
  /// Something to replay and to damage.
  void overhear(const VirtualDatagram& datagram);
  void strike();

 private:
  TransportAddress somewhere();
  std::vector<uint8_t> something();

  VirtualNetwork& network_;
  TransportAddress server_;
  SeededRandom random_;
  std::deque<VirtualDatagram> overheard_;
};

}  // namespace uturn
