// Ports: taking and giving back, with the randomness that the server uses.
#include "bench/micro/samples.h"
#include "server/relay/port_pool.h"

namespace uturn {
namespace {

/// A pool of the default range of which only `free` are left, taken in random order.
void take_all_but(PortPool& pool, uint32_t free, Random& random) {
  while (pool.free() > free) CHECK(pool.take_any(random));
}

void any(benchmark::State& state) {
  CsprngRandom random;
  PortPool pool{PortRange{}};
  take_all_but(pool, static_cast<uint32_t>(state.range(0)), random);
  for (auto _ : state) {
    const auto port = pool.take_any(random);
    CHECK(port);
    pool.give_back(*port);
  }
  set_rates(state, 0);
}
BENCHMARK(any)->Name("port/any_of_free")->Arg(16)->Arg(8'192)->Arg(16'384);

void even_pair(benchmark::State& state) {
  CsprngRandom random;
  PortPool pool{PortRange{}};
  take_all_but(pool, static_cast<uint32_t>(state.range(0)), random);
  for (auto _ : state) {
    const auto port = pool.take_even(random, true);
    if (!port) continue;  // nearly full: the search over all that is left, and nothing found
    pool.give_back(*port);
    pool.give_back(static_cast<uint16_t>(*port + 1));
  }
  set_rates(state, 0);
}
BENCHMARK(even_pair)->Name("port/even_pair_of_free")->Arg(16)->Arg(8'192)->Arg(16'384);

}  // namespace
}  // namespace uturn
