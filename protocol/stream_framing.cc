// Cutting frames from a stream by their first bytes.
#include "protocol/stream_framing.h"

#include "protocol/channel_data.h"
#include "protocol/message_view.h"

namespace uturn {
namespace {

Frame frame_of(FrameKind kind, size_t size) { return {kind, size, size + padding_of(size)}; }

}  // namespace

Result<Frame, FramingError> announced_frame(Bytes beginning) {
  if (beginning.empty()) return Failure{FramingError::incomplete};
  const bool stun = looks_like_stun(beginning[0]);
  if (!stun && !looks_like_channel_data(beginning[0], ChannelRange::rfc5766))
    return Failure{FramingError::not_turn};
  if (beginning.size() < kChannelHeaderSize) return Failure{FramingError::incomplete};
  const size_t length = load_be16(beginning.data() + 2);
  if (!stun) return frame_of(FrameKind::channel_data, kChannelHeaderSize + length);

  if (length % 4 != 0) return Failure{FramingError::not_turn};
  if (beginning.size() < kFrameHeaderSize) return Failure{FramingError::incomplete};
  if (load_be32(beginning.data() + 4) != kMagicCookie) return Failure{FramingError::not_turn};
  return frame_of(FrameKind::stun, kStunHeaderSize + length);
}

Result<Frame, FramingError> next_frame(Bytes buffer) {
  const auto frame = announced_frame(buffer);
  if (frame && buffer.size() < frame->consumed) return Failure{FramingError::incomplete};
  return frame;
}

}  // namespace uturn
