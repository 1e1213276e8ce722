// Reading from and writing to an end's buffers.
#include "tests/simulation/world/stream_end.h"

namespace uturn {

// What was received before a failure can still be read.
Result<size_t, StreamError> StreamEnd::read(MutableBytes into) {
  CHECK(!into.empty());
  if (received.empty()) {
    if (failure) return Failure{*failure};
    return Failure{has_end ? StreamError::ended : StreamError::would_block};
  }
  const size_t size = std::min(into.size(), received.size());
  const auto end = received.begin() + static_cast<std::ptrdiff_t>(size);
  std::copy(received.begin(), end, into.begin());
  received.erase(received.begin(), end);
  return size;
}

Result<size_t, StreamError> StreamEnd::write(std::span<const Bytes> pieces) {
  if (failure) return Failure{*failure};
  if (ends_writing) return Failure{StreamError::ended};
  size_t taken = 0, wanted = 0;
  for (const Bytes& piece : pieces) {
    wanted += piece.size();
    const size_t room = is_connected ? send_room - std::min(send_room, unsent.size()) : 0;
    const Bytes fits = piece.first(std::min(piece.size(), room));
    unsent.insert(unsent.end(), fits.begin(), fits.end());
    taken += fits.size();
  }
  if (taken < wanted) is_short_of_room = true;
  if (taken == 0 && wanted > 0) return Failure{StreamError::would_block};
  return taken;
}

}  // namespace uturn
