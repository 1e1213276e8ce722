// StreamConnection: frames out of bytes.
#include "client/tools/stream_connection.h"

namespace uturn {

bool StreamConnection::send(Bytes header, Bytes payload, size_t padding) {
  return !has_ended() && outgoing_.add(header, payload, padding);
}

void StreamConnection::on_arrived(MutableBytes bytes, FrameSink& sink, Now) {
  if (has_ended()) return;
  if (frames_.feed(bytes, [&sink](MutableBytes frame) { sink.on_frame(frame); })) return;
  finish("not_turn", "the server says something else than STUN");
}

Bytes StreamConnection::outgoing() {
  return state() == State::open ? outgoing_.waiting() : Bytes{};
}

}  // namespace uturn
