// Parsing: what arrives, read in place.
#include "bench/micro/samples.h"
#include "protocol/attributes.h"
#include "protocol/channel_data.h"
#include "protocol/message_view.h"

namespace uturn {
namespace {

void channel_data(benchmark::State& state) {
  std::vector<uint8_t> bytes(kChannelHeaderSize + kSamplePayload);
  const auto header = std::span(bytes).first<kChannelHeaderSize>();
  write_channel_header(header, *ChannelNumber::from_wire(0x4000), kSamplePayload);
  for (auto _ : state) benchmark::DoNotOptimize(parse_channel_data(bytes));
  set_rates(state, bytes.size());
}
BENCHMARK(channel_data)->Name("parse/channel_data");

// With what a relay reads of it.
void send_indication(benchmark::State& state) {
  const auto bytes = sample_send_indication(sample_address("198.51.100.7:5000"));
  for (auto _ : state) {
    const auto message = MessageView::parse(bytes);
    for (const AttributeView attribute : *message) {
      if (attribute.type == AttributeType::xor_peer_address) {
        benchmark::DoNotOptimize(decode_xor_address(attribute.value, message->transaction_id()));
      } else {
        benchmark::DoNotOptimize(attribute.value);
      }
    }
  }
  set_rates(state, bytes.size());
}
BENCHMARK(send_indication)->Name("parse/send_indication");

void allocate_request(benchmark::State& state) {
  const auto bytes = sample_allocate_request();
  for (auto _ : state) {
    const auto message = MessageView::parse(bytes);
    benchmark::DoNotOptimize(message->value(AttributeType::requested_transport));
    benchmark::DoNotOptimize(message->text(AttributeType::username));
    benchmark::DoNotOptimize(message->text(AttributeType::realm));
    benchmark::DoNotOptimize(message->text(AttributeType::nonce));
  }
  set_rates(state, bytes.size());
}
BENCHMARK(allocate_request)->Name("parse/allocate_request");

}  // namespace
}  // namespace uturn
