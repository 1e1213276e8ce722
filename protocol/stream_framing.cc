// Cutting frames from a stream by their first bytes.
#include "protocol/stream_framing.h"

#include "protocol/channel_data.h"
#include "protocol/message_view.h"

namespace uturn {
namespace {

/// A frame whose length is known; there only when all of it is.
Result<Frame, FramingError> frame_of(FrameKind kind, size_t size, size_t arrived) {
  const size_t consumed = size + padding_of(size);
  if (arrived < consumed) return Failure{FramingError::incomplete};
  return Frame{kind, size, consumed};
}

}  // namespace

Result<Frame, FramingError> next_frame(Bytes buffer) {
  if (buffer.empty()) return Failure{FramingError::incomplete};
  const bool stun = looks_like_stun(buffer[0]);
  if (!stun && !looks_like_channel_data(buffer[0], ChannelRange::rfc5766))
    return Failure{FramingError::not_turn};
  if (buffer.size() < 4) return Failure{FramingError::incomplete};
  const size_t length = load_be16(buffer.data() + 2);
  if (!stun) return frame_of(FrameKind::channel_data, kChannelHeaderSize + length, buffer.size());

  if (length % 4 != 0) return Failure{FramingError::not_turn};
  if (buffer.size() < 8) return Failure{FramingError::incomplete};
  if (load_be32(buffer.data() + 4) != kMagicCookie) return Failure{FramingError::not_turn};
  return frame_of(FrameKind::stun, kStunHeaderSize + length, buffer.size());
}

}  // namespace uturn
