// Strangers' ends of connections on the virtual network.
#include "tests/io/stream_harness.h"
#include "tests/simulation/world/stream_network.h"
#include "tests/simulation/world/virtual_network.h"

namespace uturn {
namespace {

/// As for datagrams, what is under way arrives before anybody looks.
class SimulatedStreamStranger final : public StreamStranger {
 public:
  SimulatedStreamStranger(VirtualNetwork& network, StreamNetwork::End end)
      : network_(network), end_(end), address_(streams().find(end)->local) {}
  ~SimulatedStreamStranger() override { streams().close(end_); }

  TransportAddress address() const override { return address_; }
  size_t write(std::string_view bytes) override {
    arrive();
    const Bytes pieces[] = {bytes_of(bytes)};
    const auto size = streams().write(end_, pieces);
    arrive();
    return size ? *size : 0;
  }
  std::string read(size_t most) override {
    arrive();
    std::string bytes(most, '\0');
    const auto size =
        streams().read(end_, {reinterpret_cast<uint8_t*>(bytes.data()), bytes.size()});
    bytes.resize(size ? *size : 0);
    arrive();
    return bytes;
  }
  void end_writing() override {
    streams().end_writing(end_);
    arrive();
  }
  void reset() override { streams().reset(end_); }
  bool has_ended() override {
    arrive();
    const StreamEnd* const end = streams().find(end_);
    return end != nullptr && end->has_end && end->received.empty() && !end->failure;
  }
  bool was_reset() override {
    arrive();
    const StreamEnd* const end = streams().find(end_);
    return end != nullptr && end->failure == StreamError::reset;
  }

 private:
  StreamNetwork& streams() const { return network_.streams(); }
  void arrive() { network_.run_until(network_.now().monotonic); }

  VirtualNetwork& network_;
  StreamNetwork::End end_;
  TransportAddress address_;
};

class SimulatedStreamHost final : public StreamHost {
 public:
  SimulatedStreamHost(VirtualNetwork& network, const StreamSpec& spec)
      : network_(network), listener_(*network.streams().listen(spec, nullptr)) {}
  ~SimulatedStreamHost() override { network_.streams().close_listener(listener_); }

  TransportAddress address() const override { return network_.streams().address_of(listener_); }
  std::unique_ptr<StreamStranger> accept() override {
    network_.run_until(network_.now().monotonic);
    const auto end = network_.streams().accept(listener_);
    return end ? std::make_unique<SimulatedStreamStranger>(network_, *end) : nullptr;
  }

 private:
  VirtualNetwork& network_;
  StreamNetwork::Listener listener_;
};

class SimulatedStreamStrangers final : public StreamStrangers {
 public:
  explicit SimulatedStreamStrangers(std::function<VirtualNetwork&()> network)
      : network_(std::move(network)) {}

  // The connection stands when this returns, whoever accepts it and when.
  std::unique_ptr<StreamStranger> connect(std::string_view from,
                                          const TransportAddress& to) override {
    VirtualNetwork& network = network_();
    const auto end = network.streams().connect(spec_of(from), to, nullptr);
    CHECK(end);
    network.run_until(network.now().monotonic);
    EXPECT_TRUE(network.streams().find(*end)->is_connected);
    return std::make_unique<SimulatedStreamStranger>(network, *end);
  }
  std::unique_ptr<StreamHost> host(std::string_view address) override {
    return std::make_unique<SimulatedStreamHost>(network_(), spec_of(address));
  }

 private:
  static StreamSpec spec_of(std::string_view address) {
    StreamSpec spec;
    spec.address = {ip(address), 0, 0};
    return spec;
  }

  std::function<VirtualNetwork&()> network_;
};

}  // namespace

std::shared_ptr<StreamStrangers> simulated_stream_strangers(
    std::function<VirtualNetwork&()> network) {
  return std::make_shared<SimulatedStreamStrangers>(std::move(network));
}

}  // namespace uturn
