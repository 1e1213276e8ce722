// Tables: the look-ups of the data path, at sizes from small to what a shard may hold.
#include "bench/micro/samples.h"
#include "server/relay/allocation_table.h"
#include "server/relay/channel_table.h"
#include "server/relay/permission_table.h"

namespace uturn {
namespace {

const Now kNow{Instant{} + 1h, CalendarTime{1'800'000'000s}};

FiveTuple five_tuple(uint32_t i) {
  return {client_address(sample_end(10, i)), server_address(sample_address("203.0.113.10:3478")),
          Transport::udp};
}

void allocations(benchmark::State& state) {
  const auto count = static_cast<uint32_t>(state.range(0));
  AllocationTable table(1);
  std::vector<FiveTuple> known;
  for (const uint32_t i : shuffled(count)) {
    known.push_back(five_tuple(i));
    table.add(known.back());
  }
  Walk walk(shuffled(count));
  for (auto _ : state) CHECK(table.find(known[walk.next()]) != nullptr);
  set_rates(state, 0);
}
BENCHMARK(allocations)->Name("table/allocation")->Arg(100)->Arg(10'000)->Arg(100'000);

void permissions(benchmark::State& state) {
  const auto count = static_cast<uint32_t>(state.range(0));
  PermissionTable table;
  for (uint32_t i = 0; i < count; ++i) {
    table.install(sample_end(8, i * 16).ip, PeerCheck::none, kNow);
  }
  Walk walk(shuffled(count));
  std::vector<IpAddress> peers;
  for (uint32_t i = 0; i < count; ++i) peers.push_back(sample_end(8, i * 16).ip);
  for (auto _ : state) CHECK(table.find(peers[walk.next()], kNow) != nullptr);
  set_rates(state, 0);
}
BENCHMARK(permissions)->Name("table/permission")->Arg(1)->Arg(16)->Arg(256);

ChannelTable channels(uint32_t count) {
  ChannelTable table;
  for (uint32_t i = 0; i < count; ++i) {
    const auto number = *ChannelNumber::from_wire(static_cast<uint16_t>(0x4000 + i));
    table.bind(number, peer_address(sample_end(8, i)), PeerCheck::none, kNow);
  }
  return table;
}

void channels_by_number(benchmark::State& state) {
  const auto count = static_cast<uint32_t>(state.range(0));
  const ChannelTable table = channels(count);
  Walk walk(shuffled(count));
  for (auto _ : state) {
    const auto number = *ChannelNumber::from_wire(static_cast<uint16_t>(0x4000 + walk.next()));
    CHECK(table.find(number, kNow) != nullptr);
  }
  set_rates(state, 0);
}
BENCHMARK(channels_by_number)->Name("table/channel_by_number")->Arg(1)->Arg(16)->Arg(256);

void channels_by_peer(benchmark::State& state) {
  const auto count = static_cast<uint32_t>(state.range(0));
  const ChannelTable table = channels(count);
  std::vector<PeerAddress> peers;
  for (uint32_t i = 0; i < count; ++i) peers.push_back(peer_address(sample_end(8, i)));
  Walk walk(shuffled(count));
  for (auto _ : state) CHECK(table.find(peers[walk.next()], kNow) != nullptr);
  set_rates(state, 0);
}
BENCHMARK(channels_by_peer)->Name("table/channel_by_peer")->Arg(1)->Arg(16)->Arg(256);

}  // namespace
}  // namespace uturn
