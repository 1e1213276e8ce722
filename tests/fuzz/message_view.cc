// Fuzz target: a datagram as a STUN message, every attribute read by every decoder.
#include "tests/protocol/read_everything.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  uturn::ExactCopy copy({data, size}, size % 2 == 1);
  uturn::read_message(copy.bytes());
  return 0;
}
