// Fuzz target: a datagram as ChannelData.
#include "tests/protocol/read_everything.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  uturn::ExactCopy copy({data, size}, size % 2 == 1);
  uturn::read_channel_data(copy.bytes());
  return 0;
}
