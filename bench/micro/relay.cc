// Relaying: a datagram in, its fate out, on both ways and by both means, without any socket.
#include "bench/micro/measured_relay.h"

namespace uturn {
namespace {

/// A datagram in a lent buffer.
class SamplePacket {
 public:
  explicit SamplePacket(Bytes bytes) : bytes_(bytes.begin(), bytes.end()) {}
  Packet packet() { return {room_, bytes_}; }
  size_t size() const { return bytes_.size(); }

 private:
  std::array<uint8_t, kHeadroom> room_{};
  std::vector<uint8_t> bytes_;
};

void allocations(benchmark::internal::Benchmark* benchmark) {
  for (const int64_t count : {100, 1'000, 10'000, 100'000}) benchmark->Arg(count);
}

uint32_t allocations_of(const benchmark::State& state) {
  return static_cast<uint32_t>(state.range(0));
}

void channel_data(benchmark::State& state) {
  MeasuredRelay relay(allocations_of(state));
  std::vector<uint8_t> bytes(kChannelHeaderSize + kSamplePayload);
  write_channel_header(std::span(bytes).first<kChannelHeaderSize>(),
                       *ChannelNumber::from_wire(0x4000), kSamplePayload);
  SamplePacket sample(bytes);
  Walk walk(shuffled(allocations_of(state)));
  for (auto _ : state) {
    const Outcome outcome = relay.from_client(relay.arrival(walk.next()), sample.packet());
    CHECK(std::holds_alternative<Forward>(outcome));
  }
  set_rates(state, sample.size());
}
BENCHMARK(channel_data)->Name("relay/channel_to_peer")->Apply(allocations);

/// As a shard does it: what is next is looked up ahead, several at a time.
void channel_data_ahead(benchmark::State& state) {
  MeasuredRelay relay(allocations_of(state));
  std::vector<uint8_t> bytes(kChannelHeaderSize + kSamplePayload);
  write_channel_header(std::span(bytes).first<kChannelHeaderSize>(),
                       *ChannelNumber::from_wire(0x4000), kSamplePayload);
  SamplePacket sample(bytes);
  Walk walk(shuffled(allocations_of(state)));
  while (state.KeepRunningBatch(LookAhead::kMost)) {
    std::array<Arrival, LookAhead::kMost> group;
    for (Arrival& arrival : group) {
      arrival = relay.arrival(walk.next());
      relay.expect(arrival);
    }
    relay.look_ahead();
    for (const Arrival& arrival : group) {
      const Outcome outcome = relay.from_client(arrival, sample.packet());
      CHECK(std::holds_alternative<Forward>(outcome));
    }
  }
  set_rates(state, sample.size());
}
BENCHMARK(channel_data_ahead)->Name("relay/channel_to_peer_ahead")->Apply(allocations);

void send_indication(benchmark::State& state) {
  MeasuredRelay relay(allocations_of(state));
  std::vector<SamplePacket> samples;
  for (uint32_t i = 0; i < allocations_of(state); ++i) {
    samples.emplace_back(sample_send_indication(relay.other_peer(i)));
  }
  Walk walk(shuffled(allocations_of(state)));
  for (auto _ : state) {
    const uint32_t i = walk.next();
    const Outcome outcome = relay.from_client(relay.arrival(i), samples[i].packet());
    CHECK(std::holds_alternative<Forward>(outcome));
  }
  set_rates(state, samples.front().size());
}
BENCHMARK(send_indication)->Name("relay/indication_to_peer")->Apply(allocations);

/// `peer_of` says who of the two sends: with a channel or without.
template <class PeerOf>
void peer_data(benchmark::State& state, PeerOf peer_of, size_t header) {
  MeasuredRelay relay(allocations_of(state));
  SamplePacket sample(std::array<uint8_t, kSamplePayload>{});
  Walk walk(shuffled(allocations_of(state)));
  for (auto _ : state) {
    const uint32_t i = walk.next();
    const Outcome outcome = relay.from_peer(relay.tag(i), peer_of(i), sample.packet());
    CHECK(std::get<Forward>(outcome).header.size() == header);
  }
  set_rates(state, sample.size());
}
void peer_data_on_channel(benchmark::State& state) {
  peer_data(state, &MeasuredRelay::bound_peer, kChannelHeaderSize);
}
BENCHMARK(peer_data_on_channel)->Name("relay/channel_to_client")->Apply(allocations);

void peer_data_ahead(benchmark::State& state) {
  MeasuredRelay relay(allocations_of(state));
  SamplePacket sample(std::array<uint8_t, kSamplePayload>{});
  Walk walk(shuffled(allocations_of(state)));
  while (state.KeepRunningBatch(LookAhead::kMost)) {
    std::array<uint32_t, LookAhead::kMost> group;
    for (uint32_t& i : group) {
      i = walk.next();
      relay.expect(relay.tag(i));
    }
    relay.look_ahead();
    for (const uint32_t i : group) {
      const Outcome outcome =
          relay.from_peer(relay.tag(i), MeasuredRelay::bound_peer(i), sample.packet());
      CHECK(std::get<Forward>(outcome).header.size() == kChannelHeaderSize);
    }
  }
  set_rates(state, sample.size());
}
BENCHMARK(peer_data_ahead)->Name("relay/channel_to_client_ahead")->Apply(allocations);

void peer_data_by_indication(benchmark::State& state) {
  peer_data(state, &MeasuredRelay::other_peer, 36);
}
BENCHMARK(peer_data_by_indication)->Name("relay/indication_to_client")->Apply(allocations);

}  // namespace
}  // namespace uturn
