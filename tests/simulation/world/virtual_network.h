// VirtualNetwork: datagrams under a virtual clock, with loss, delay, duplication and NATs, all by
// one seed.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "auth/random.h"
#include "protocol/time.h"
#include "protocol/transport_address.h"

namespace uturn {

class StreamNetwork;

/// The simulation's only source of chance: the same seed, the same run.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(uint64_t seed) : engine_(seed) {}
  void fill(MutableBytes out) override {
    for (uint8_t& byte : out) byte = static_cast<uint8_t>(engine_());
  }
  bool chance(uint32_t in_a_thousand) { return below(1'000) < in_a_thousand; }

 private:
  std::mt19937_64 engine_;
};

struct VirtualDatagram {
  TransportAddress from;
  TransportAddress to;
  std::vector<uint8_t> bytes;
  uint8_t dscp = 0;
  uint8_t ecn = 0;
  uint8_t ttl = 64;
};

/// Who is bound to an address. `receive` may send and bind, and sees the clock stand still.
struct Endpoint {
  std::function<void(const VirtualDatagram&)> receive;
  /// Nobody listens where this endpoint sent to. Absent: it does not want to know.
  std::function<void(const TransportAddress& destination)> unreachable;
};

/// How bad the network is.
struct Weather {
  uint32_t lost = 0;  ///< in a thousand
  uint32_t duplicated = 0;
  Duration shortest_delay = std::chrono::milliseconds(1);
  Duration longest_delay = std::chrono::milliseconds(1);  ///< longer than the shortest: reordering
};

class VirtualNetwork {
 public:
  explicit VirtualNetwork(uint64_t seed);
  ~VirtualNetwork();

  Now now() const;
  SeededRandom& random() { return random_; }
  void set_weather(const Weather& weather) { weather_ = weather; }

  /// Port 0: any free one. False where the address is taken; endpoints that `share` form a group,
  /// which the sender's address chooses from. An unspecified IP stands for every address of its
  /// family.
  bool bind(TransportAddress& address, Endpoint endpoint, uint64_t owner, bool share = false);
  void unbind(const TransportAddress& address, uint64_t owner);

  void send(VirtualDatagram datagram);
  void at(Instant when, std::function<void()> what);

  /// Everything due until `until`, in order; the clock ends there.
  void run_until(Instant until);
  /// One event, if there is any until then; says whether there was.
  bool step(Instant until);
  bool is_silent() const { return events_.empty(); }

  /// TCP on this network.
  StreamNetwork& streams() { return *streams_; }
  /// How long a segment takes: longer where it is lost and sent again.
  Duration segment_delay();
  /// Something was delivered: it belongs to the trace.
  void note_delivery(const TransportAddress& from, const TransportAddress& to, Bytes bytes);

  /// A NAT: whoever sends from `inside` appears at `outside` with a port of its own. forget_nat()
  /// drops its mappings, as a rebooted box does.
  void add_nat(const IpAddress& inside, const IpAddress& outside);
  void forget_nat(const IpAddress& inside);

  /// Sees every datagram as the world does, behind its NAT and before any weather. For laws.
  std::function<void(const VirtualDatagram&)> tap;
  /// A hash of everything that was delivered: two runs of one seed have the same.
  uint64_t trace() const { return trace_; }
  uint64_t delivered() const { return delivered_; }

 private:
  struct Event {
    Instant when;
    uint64_t order;
    std::function<void()> what;
    bool operator<(const Event& other) const {
      return when != other.when ? when > other.when : order > other.order;
    }
  };
  struct Bound {
    uint64_t owner;
    Endpoint endpoint;
  };
  struct Nat {
    IpAddress outside;
    std::map<TransportAddress, uint16_t> ports;
  };
  std::vector<Bound>* find(const TransportAddress& address);
  void translate_out(VirtualDatagram& datagram);
  void translate_in(VirtualDatagram& datagram);
  void deliver(VirtualDatagram datagram, const TransportAddress& sender);
  Duration delay();

  SeededRandom random_;
  Weather weather_;
  Instant now_{std::chrono::seconds(1'000)};
  uint64_t order_ = 0;
  uint64_t trace_ = 0;
  uint64_t delivered_ = 0;
  std::vector<Event> events_;  ///< a heap, so that an event moves out of it
  std::map<TransportAddress, std::vector<Bound>> bound_;
  std::map<IpAddress, Nat> nats_;
  std::unique_ptr<StreamNetwork> streams_;
};

}  // namespace uturn
