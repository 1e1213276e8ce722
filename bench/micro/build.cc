// Building: answers and the headers of data.
#include "bench/micro/samples.h"
#include "protocol/channel_data.h"
#include "protocol/data_indication.h"

namespace uturn {
namespace {

void allocate_success(benchmark::State& state) {
  const TransportAddress relayed = sample_address("203.0.113.10:50000");
  const TransportAddress mapped = sample_address("192.0.2.1:4000");
  const Key key = sample_key();
  std::array<uint8_t, 512> space{};
  size_t size = 0;
  for (auto _ : state) {
    MessageBuilder builder(space, Method::allocate, MessageClass::success, kSampleTransaction);
    builder.add_xor_address(AttributeType::xor_relayed_address, relayed);
    builder.add_xor_address(AttributeType::xor_mapped_address, mapped);
    builder.add_u32(AttributeType::lifetime, 600);
    builder.add_text(AttributeType::software, "uturn");
    builder.add_integrity(key.bytes());
    size = builder.finish().size();
    benchmark::DoNotOptimize(space);
  }
  set_rates(state, size);
}
BENCHMARK(allocate_success)->Name("build/allocate_success");

void data_indication(benchmark::State& state) {
  const TransportAddress peer = sample_address("198.51.100.7:5000");
  std::array<uint8_t, 36> header{};
  for (auto _ : state) {
    write_data_indication_header(header, kSampleTransaction, peer, kSamplePayload);
    benchmark::DoNotOptimize(header);
  }
  set_rates(state, header.size());
}
BENCHMARK(data_indication)->Name("build/data_indication");

void channel_header(benchmark::State& state) {
  std::array<uint8_t, kChannelHeaderSize> header{};
  const ChannelNumber number = *ChannelNumber::from_wire(0x4000);
  for (auto _ : state) {
    write_channel_header(header, number, kSamplePayload);
    benchmark::DoNotOptimize(header);
  }
  set_rates(state, header.size());
}
BENCHMARK(channel_header)->Name("build/channel_header");

}  // namespace
}  // namespace uturn
