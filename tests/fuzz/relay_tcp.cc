// Fuzz target: a TCP allocation among a client, its data connections, peers and time.
#include "tests/fuzz/relay_world.h"

namespace {

/// One step: what happens, one byte about it, and for frames their length and bytes.
uturn::Bytes step(uturn::RelayWorldForFuzzing& world, uturn::Bytes choices) {
  const uint8_t what = choices[0], which = choices[1];
  choices = choices.subspan(2);
  const uturn::Bytes frame = choices.first(std::min<size_t>(which, choices.size()));
  switch (what % 8) {
    case 0:
      world.from_control(frame);
      return choices.subspan(frame.size());
    case 1:
      world.from_data(frame);
      return choices.subspan(frame.size());
    case 2:
      world.peer_connects(static_cast<uint16_t>(6'000 + which % 8));
      break;
    case 3:
      world.connected(world.some_connection(which));
      break;
    case 4:
      world.ended(world.some_connection(which));
      break;
    case 5:
      world.passes(std::chrono::seconds(which));
      break;
    case 6:
      if (which == 0) world.control_is_gone();
      break;
    default:
      world.from_control({});
  }
  return choices;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  uturn::RelayWorldForFuzzing world;
  uturn::Bytes choices{data, size};
  while (choices.size() >= 2) choices = step(world, choices);
  world.passes(std::chrono::seconds(0));
  return 0;
}
