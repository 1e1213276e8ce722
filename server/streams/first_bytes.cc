// Telling the protocols of a stream apart.
#include "server/streams/first_bytes.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "protocol/message_view.h"

namespace uturn {
namespace {

struct Beginning {
  std::string_view bytes;
  StreamKind kind;
};

using namespace std::string_view_literals;
constexpr std::array kBeginnings{
    // A ClientHello comes in a handshake record of version {3, any} (RFC 5246, Appendix E.1; RFC
    // 8446, Section 5.1).
    Beginning{"\x16\x03"sv, StreamKind::tls},
    Beginning{"PROXY "sv, StreamKind::proxy},
    Beginning{"\r\n\r\n\0\r\nQUIT\n"sv, StreamKind::proxy},
    // RFC 9110, Section 9; RFC 5789; RFC 9113, Section 3.4.
    Beginning{"GET "sv, StreamKind::http},
    Beginning{"HEAD "sv, StreamKind::http},
    Beginning{"POST "sv, StreamKind::http},
    Beginning{"PUT "sv, StreamKind::http},
    Beginning{"DELETE "sv, StreamKind::http},
    Beginning{"CONNECT "sv, StreamKind::http},
    Beginning{"OPTIONS "sv, StreamKind::http},
    Beginning{"TRACE "sv, StreamKind::http},
    Beginning{"PATCH "sv, StreamKind::http},
    Beginning{"PRI * HTTP/2.0\r\n"sv, StreamKind::http},
};
static_assert(std::ranges::all_of(kBeginnings, [](const Beginning& beginning) {
  return beginning.bytes.size() <= kFirstBytes;
}));

/// What none of the above can be any more.
StreamKind kind_of_turn(Bytes first_bytes) {
  if (looks_like_channel_data(first_bytes[0], ChannelRange::rfc5766)) return StreamKind::turn;
  if (!looks_like_stun(first_bytes[0])) return StreamKind::other;
  constexpr size_t kCookieAt = 4;
  if (first_bytes.size() < kCookieAt + sizeof kMagicCookie) return StreamKind::undecided;
  const bool has_cookie = load_be32(&first_bytes[kCookieAt]) == kMagicCookie;
  return has_cookie ? StreamKind::turn : StreamKind::other;
}

}  // namespace

StreamKind kind_of_stream(Bytes first_bytes) {
  if (first_bytes.empty()) return StreamKind::undecided;
  const std::string_view text = text_of(first_bytes);
  bool may_become = false;
  for (const Beginning& beginning : kBeginnings) {
    if (text.starts_with(beginning.bytes)) return beginning.kind;
    may_become = may_become || beginning.bytes.starts_with(text);
  }
  return may_become ? StreamKind::undecided : kind_of_turn(first_bytes);
}

}  // namespace uturn
