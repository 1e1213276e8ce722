// Stream framing: where a message ends on TCP and TLS (RFC 8489, Section 6.2.2; RFC 8656,
// Section 12.5).
#pragma once

#include <cstddef>
#include <cstdint>

#include "protocol/bytes.h"
#include "protocol/result.h"

namespace uturn {

enum class FrameKind : uint8_t { stun, channel_data };

/// One frame at the front of a stream's buffer. `size` counts the frame itself, `consumed` also the
/// padding that ChannelData has on a stream.
struct Frame {
  FrameKind kind{};
  size_t size = 0;
  size_t consumed = 0;
};

enum class FramingError : uint8_t {
  incomplete,  ///< come back with more bytes; never more than kMaxFrameSize are needed
  not_turn,    ///< the first bytes are neither: close the connection
};

/// The frame that starts at the front, by header only: no copy, no look at the content. Any
/// chunking of a stream gives the same frames. A frame is there when its padding is. Not TURN: a
/// first byte outside 0..3 and 64..127, a STUN length that is no multiple of 4, a wrong cookie.
/// Whether a channel number may be used is decided later: 0x5000 and up is a frame that is
/// dropped, not an end of the stream (RFC 8656, Section 12.6). Computed in size_t: 20 + 65,532 does
/// not wrap (CVE-2026-68552).
Result<Frame, FramingError> next_frame(Bytes buffer);

/// The frame that has begun at the front, whether or not all of it is there: how long it will be is
/// known from its first kFrameHeaderSize bytes, or fewer. Incomplete: these are not there yet.
Result<Frame, FramingError> announced_frame(Bytes beginning);
inline constexpr size_t kFrameHeaderSize = 8;  ///< STUN's type, length and cookie

/// The longest a frame can be: 4 + 65,535 + 1 of padding, or 20 + 65,532.
inline constexpr size_t kMaxFrameSize = 65'552;

}  // namespace uturn
