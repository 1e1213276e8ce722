// Nonces: minted for every challenge, checked for every request.
#include "auth/nonce.h"

#include "bench/micro/samples.h"

namespace uturn {
namespace {

const Now kNow{Instant{} + 1h, CalendarTime{1'800'000'000s}};

NonceMint sample_mint() {
  NonceKey key{.id = 1};
  key.secret.fill(0x5A);
  return NonceMint({.keys = {key}});
}

void mint(benchmark::State& state) {
  const NonceMint nonces = sample_mint();
  const ClientAddress client = client_address(sample_address("192.0.2.1:4000"));
  std::array<char, NonceMint::kMaxSize> space{};
  for (auto _ : state) benchmark::DoNotOptimize(nonces.mint(space, client, {}, kNow));
  set_rates(state, 0);
}
BENCHMARK(mint)->Name("nonce/mint");

void check(benchmark::State& state) {
  const NonceMint nonces = sample_mint();
  const ClientAddress client = client_address(sample_address("192.0.2.1:4000"));
  std::array<char, NonceMint::kMaxSize> space{};
  const std::string_view nonce = nonces.mint(space, client, {}, kNow);
  for (auto _ : state) CHECK(nonces.check(nonce, client, kNow) == NonceVerdict::fresh);
  set_rates(state, 0);
}
BENCHMARK(check)->Name("nonce/check");

}  // namespace
}  // namespace uturn
