// Fuzz target: what a peer may send, from the port of a channel and from another one.
#include "tests/fuzz/relay_world.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  uturn::RelayWorldForFuzzing world;
  world.from_peer({data, size}, 5'000);
  world.from_peer({data, size}, 5'001);
  return 0;
}
