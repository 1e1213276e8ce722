// StreamEnd: one end of a virtual TCP connection, without the network between the two.
#pragma once

#include <algorithm>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "io/streams.h"
#include "protocol/time.h"

namespace uturn {

/// What became possible at an end.
struct StreamChange {
  bool readable = false;
  bool writable = false;
  bool failed = false;
};
using StreamWatch = std::function<void(const StreamChange&)>;

/// Reading, writing and the buffers on both sides of it. Who carries the bytes takes them out of
/// `unsent`, while `in_flight` says what the other end has not read yet.
struct StreamEnd {
  static constexpr size_t kDefaultBuffer = 64 * 1024;

  StreamEnd(const StreamSpec& spec, const TransportAddress& from, const TransportAddress& to)
      : local(from),
        remote(to),
        receive_room(room_of(spec.receive_buffer)),
        send_room(std::min<size_t>(room_of(spec.send_buffer), spec.unsent_low_water)) {}

  Result<size_t, StreamError> read(MutableBytes into);
  Result<size_t, StreamError> write(std::span<const Bytes> pieces);
  bool is_readable() const { return !received.empty() || has_end || failure; }
  bool is_writable() const { return is_connected && !failure && unsent.size() < send_room; }
  void tell(const StreamChange& change) const {
    if (const StreamWatch told = watch) told(change);  // it may close this end
  }

  TransportAddress local;
  TransportAddress remote;
  uint64_t other = 0;  ///< 0: not known yet
  size_t receive_room;
  size_t send_room;
  size_t window = 0;  ///< the other end's receive_room
  std::vector<uint8_t> unsent;
  std::vector<uint8_t> received;
  size_t in_flight = 0;
  bool is_connected = false;
  bool is_short_of_room = false;  ///< a write took less than it was given
  bool ends_writing = false;
  bool has_sent_end = false;
  bool has_end = false;    ///< FIN came
  bool is_closed = false;  ///< by its owner; what is unsent still goes out
  std::optional<StreamError> failure;
  Instant last_arrival{};  ///< of what this end sent: nothing overtakes on a stream
  StreamWatch watch;

 private:
  static size_t room_of(int asked) {
    return asked > 0 ? static_cast<size_t>(asked) : kDefaultBuffer;
  }
};

}  // namespace uturn
