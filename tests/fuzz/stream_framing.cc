// Fuzz target: a stream, cut into frames to its end, each frame then read as what it is.
#include "tests/protocol/read_everything.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  for (uturn::Bytes rest{data, size}; !rest.empty();) {
    uturn::ExactCopy stream(rest);
    const auto frame = uturn::next_frame(stream.bytes());
    if (!frame) break;
    CHECK(frame->size <= frame->consumed && frame->consumed <= rest.size());
    uturn::ExactCopy copy(rest.first(frame->size));
    if (frame->kind == uturn::FrameKind::stun)
      uturn::read_message(copy.bytes());
    else
      uturn::read_channel_data(copy.bytes());
    rest = rest.subspan(frame->consumed);
  }
  return 0;
}
