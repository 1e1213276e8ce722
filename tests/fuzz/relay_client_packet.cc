// Fuzz target: what a client with an allocation may send, two datagrams in a row.
#include "tests/fuzz/relay_world.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  uturn::RelayWorldForFuzzing world;
  const size_t first = std::min<size_t>(size - 1, 4 * size_t{data[0]});
  world.from_client({data + 1, first});
  world.from_client({data + 1 + first, size - 1 - first});
  return 0;
}
