// Actors over TCP: polite clients with a connection, and whoever wastes one.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/frame_reader.h"
#include "client/turn_client.h"
#include "tests/simulation/world/stream_network.h"
#include "tests/simulation/world/virtual_network.h"

namespace uturn {

/// Allocates over TCP, talks to a peer by a channel, and begins anew when its connection or its
/// allocation is lost. What it says and hears is told to the network's tap, as datagrams are: the
/// laws hold for it too.
class PoliteStreamClient {
 public:
  struct Habits {
    std::string user;
    IpAddress ip;
    PeerAddress peer;
    Duration pause = std::chrono::seconds(2);  ///< between pings
  };
  PoliteStreamClient(VirtualNetwork& network, TransportAddress server, Habits habits,
                     uint64_t seed);
  ~PoliteStreamClient() { vanish(); }

  void start();
  void stop_pinging() { pings_ = false; }
  void leave();   ///< FIN
  void vanish();  ///< RST
  bool is_allocated() const { return client_ && client_->state() == TurnClient::State::allocated; }
  uint32_t pings() const { return sent_; }
  uint32_t echoes() const { return heard_; }
  void forget_counts() { sent_ = heard_ = 0; }

 private:
  void begin();
  void begin_later();
  void end_life();
  void on_change(const StreamChange& change);
  bool read();
  void pump();
  void say(Bytes frame);
  void write();
  void arm();
  void ping();
  void on_event(const TurnEvent& event);

  VirtualNetwork& network_;
  TransportAddress server_;
  Habits habits_;
  SeededRandom random_;
  TransportAddress address_;
  StreamNetwork::End end_ = 0;  ///< 0: no connection
  std::vector<uint8_t> unsent_;
  FrameReader frames_;
  std::optional<TurnClient> client_;
  uint64_t life_ = 0;  ///< timers of an earlier life find another number
  Instant armed_ = kNever;
  uint32_t sent_ = 0;
  uint32_t heard_ = 0;
  bool pings_ = true;
  bool is_pinging_ = false;
};

/// Opens connections and says garbage, half a message, somebody else's request, or nothing; leaves,
/// breaks off, or stays and never reads.
class StreamVillain {
 public:
  StreamVillain(VirtualNetwork& network, TransportAddress server, uint64_t seed)
      : network_(network), server_(server), random_(seed) {}
  ~StreamVillain() { give_up(); }
  void overhear(Bytes words);
  void strike();
  void give_up();  ///< every connection

 private:
  std::vector<uint8_t> something();

  VirtualNetwork& network_;
  TransportAddress server_;
  SeededRandom random_;
  std::vector<std::vector<uint8_t>> overheard_;
  std::deque<StreamNetwork::End> open_;
};

}  // namespace uturn
