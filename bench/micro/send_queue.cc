// SendQueue: a pass's datagrams queued and made into sends, with runs and without.
#include "bench/micro/samples.h"
#include "io/send_runs.h"

namespace uturn {
namespace {

constexpr uint32_t kDatagrams = 256;  // one full batch

// `state.range(0)`: datagrams in a row to one destination, as the frames of a video are.
void add_and_build(benchmark::State& state) {
  const auto run = static_cast<uint32_t>(state.range(0));
  SendQueue queue(1'024, true);
  const Now now{Instant{} + 1h, {}};
  std::vector<OpenSocket> sockets;
  std::vector<TransportAddress> peers;
  for (uint32_t i = 0; i < kDatagrams / run; ++i) {
    const auto address = sample_address("203.0.113.10:50000");
    sockets.push_back({.fd = static_cast<int>(3 + i), .address = address});
    peers.push_back(sample_end(8, i));
  }
  const std::array<uint8_t, 1'200> payload{};
  const IpFields ip{.dscp = 46, .ttl = 63};
  for (auto _ : state) {
    for (uint32_t i = 0; i < kDatagrams; ++i) {
      const uint32_t flow = i / run;
      queue.add(sockets[flow], {{flow, 1}, peers[flow], {}, payload, ip}, now.monotonic);
    }
    CHECK(queue.build().size() == kDatagrams / run);
    benchmark::DoNotOptimize(queue.messages().data());
    queue.clear();
  }
  set_rates(state, kDatagrams * payload.size(), kDatagrams);
}
BENCHMARK(add_and_build)->Name("send_queue/add_and_build")->Arg(1)->Arg(8);

}  // namespace
}  // namespace uturn
