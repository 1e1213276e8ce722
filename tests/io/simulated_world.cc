// The third world of the contract tests: a loop and strangers on a virtual network.
#include "tests/io/loop_harness.h"
#include "tests/io/stream_harness.h"
#include "tests/simulation/world/simulated_loop.h"

namespace uturn {
namespace {

// Delivers within the send, as loopback does.
std::unique_ptr<VirtualNetwork> new_network() {
  auto network = std::make_unique<VirtualNetwork>(20'261'123);
  network->set_weather({.shortest_delay = Duration::zero(), .longest_delay = Duration::zero()});
  return network;
}

bool is_of_this_machine(const IpAddress& address) {
  return address.is_unspecified() || address.is_loopback();
}

class SimulatedStranger : public Stranger {
 public:
  SimulatedStranger(VirtualNetwork& network, const IpAddress& ip)
      : network_(network), address_{ip, 0} {
    Endpoint endpoint;
    endpoint.receive = [this](const VirtualDatagram& d) {
      heard_.push_back({as_string(d.bytes), d.from, d.dscp, d.ecn, d.ttl});
    };
    CHECK(network_.bind(address_, std::move(endpoint), owner()));
  }
  ~SimulatedStranger() override { network_.unbind(address_, owner()); }

  TransportAddress address() const override { return address_; }

  void send(const TransportAddress& to, std::string_view bytes, const IpFields& ip) override {
    const Bytes sent = bytes_of(bytes);
    const uint8_t ttl = ip.ttl == 0 ? 64 : ip.ttl;
    network_.send({address_, to, {sent.begin(), sent.end()}, ip.dscp, ip.ecn, ttl});
    arrive();
  }
  void send_train(const TransportAddress& to, std::string_view bytes, uint16_t segment) override {
    for (; !bytes.empty(); bytes.remove_prefix(std::min<size_t>(segment, bytes.size()))) {
      send(to, bytes.substr(0, segment), {});
    }
  }

  std::optional<Heard> hear() override {
    arrive();
    if (heard_.empty()) return std::nullopt;
    Heard next = std::move(heard_.front());
    heard_.pop_front();
    return next;
  }
  bool has_heard_nothing() override {
    arrive();
    return heard_.empty();
  }

 private:
  uint64_t owner() const { return reinterpret_cast<uint64_t>(this); }
  void arrive() { network_.run_until(network_.now().monotonic); }

  VirtualNetwork& network_;
  TransportAddress address_;
  std::deque<Heard> heard_;
};

}  // namespace

World simulated_world() {
  const auto network = std::make_shared<std::unique_ptr<VirtualNetwork>>();
  World world;
  world.name = "simulated";
  world.begin = [network] { *network = new_network(); };
  world.loop = [network](const LoopSettings& settings) {
    auto loop = std::make_unique<SimulatedLoop>(**network, settings);
    loop->set_addresses(is_of_this_machine);
    return loop;
  };
  world.stranger = [network](std::string_view address) {
    return std::make_unique<SimulatedStranger>(**network, ip(address));
  };
  world.streams = simulated_stream_strangers([network]() -> VirtualNetwork& { return **network; });
  world.has = {};
  return world;
}

}  // namespace uturn
