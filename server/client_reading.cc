// From the bytes of a client's connection to its frames.
//
// Also: RFC 8489, Section 6.2.2; RFC 8656, Section 12.6; RFC 7443; RFC 9112, Section 9.6.
#include <algorithm>

#include "protocol/proxy_header.h"
#include "server/client_streams.h"
#include "server/streams/first_bytes.h"

namespace uturn {

// Until the socket has no more, or others shall have their turn.
void ClientStreams::read(ClientStream& client) {
  for (uint32_t reads = 0;;) {
    const bool must_go_on = client.bytes.has_unread();
    if (!must_go_on && (reads++ == kReadsPerTurn || !shared_.may_read())) {
      shared_.streams.remind(client.bytes.socket());
      break;
    }
    const size_t kept = client.kept.size();
    const MutableBytes buffer = shared_.offer(kept);
    const auto size = client.bytes.read(buffer.subspan(kept));
    if (!size && size.error() == StreamError::would_block) break;
    if (!size) return on_end(client, size.error());
    if (*size == 0) continue;
    shared_.count_read(*size);
    shared_.area.take(kept + *size);
    if (on_bytes(client, buffer.first(kept + *size), *size) == Step::gone) return;
  }
  note_handshake(client);
  if (client.bytes.wants_flush()) list(client);
}

// Who has sent a request and FIN behind it still gets the answer.
void ClientStreams::on_end(ClientStream& client, StreamError why) {
  if (why != StreamError::ended) {
    const bool is_tls = client.bytes.tls() != nullptr && why == StreamError::other;
    close(client, is_tls ? CloseReason::tls_failed : CloseReason::reset);
    return;
  }
  client.has_ended = true;
  if (client.stage == ClientStage::ending) {
    close(client, CloseReason::ended);
  } else {
    say_farewell(client, CloseReason::ended);
  }
}

/// `buffer` ends with the `size` bytes that were read, behind the room for what is kept.
ClientStreams::Step ClientStreams::on_bytes(ClientStream& client, MutableBytes buffer,
                                            size_t size) {
  note_handshake(client);
  if (client.stage == ClientStage::ending) return Step::wait;
  IncomingRead read(client.kept, buffer, size);
  Step step = Step::next;
  if (client.stage == ClientStage::proxy_header) step = read_proxy_header(client, read);
  if (step != Step::next) return step;
  if (client.stage == ClientStage::first_bytes) step = read_first_bytes(client, read);
  if (step != Step::next) return step;
  return read_frames(client, read);
}

// The connection's own addresses count where the proxy speaks for itself: a health check.
ClientStreams::Step ClientStreams::read_proxy_header(ClientStream& client, IncomingRead& read) {
  const auto header = read_stream_proxy_header(read.rest());
  if (!header && header.error() == ProxyHeaderError::incomplete) return keep_rest(client, read);
  if (!header) return close(client, CloseReason::proxy_header);
  read.consume(header->consumed);
  client.stage = ClientStage::first_bytes;
  if (!header->announced) return Step::next;

  client.five_tuple.client = client_address(header->announced->source);
  client.five_tuple.server = server_address(header->announced->destination);
  if (!client.lease.count_source(client.five_tuple.client.ip)) {
    return close(client, CloseReason::too_many_of_source);
  }
  ++shared_.counters.proxied;
  supersede(client);
  return Step::next;
}

ClientStreams::Step ClientStreams::read_first_bytes(ClientStream& client, IncomingRead& read) {
  const bool is_tls = client.bytes.tls() != nullptr;
  switch (kind_of_stream(read.rest())) {
    case StreamKind::undecided:
      return keep_rest(client, read);
    case StreamKind::turn:
      if (!is_tls && listeners_[client.listener].plain == TakesPlain::no) {
        return close(client, CloseReason::plain_refused);
      }
      client.stage = ClientStage::frames;
      return Step::next;
    case StreamKind::tls:
      return is_tls ? close(client, CloseReason::not_turn) : begin_tls(client, read);
    case StreamKind::http:
      return answer_http(client);
    case StreamKind::proxy:
    case StreamKind::other:
      break;
  }
  return close(client, CloseReason::not_turn);
}

ClientStreams::Step ClientStreams::begin_tls(ClientStream& client, IncomingRead& read) {
  if (settings_.tls == nullptr) return close(client, CloseReason::no_certificate);
  client.handshake = limits_.take_handshake();
  if (!client.handshake.is_held()) return close(client, CloseReason::too_many_handshakes);
  ++shared_.counters.handshakes;
  const Bytes hello = read.rest();
  client.bytes.start_tls(TlsSession::accept(settings_.tls, shared_.tls_buffers), hello);
  read.consume(hello.size());
  client.five_tuple.transport = Transport::tls;
  client.wait =
      ClientWait::handshake;  // since it was accepted, or its proxy's header was waited for
  set_deadline(client);
  return Step::wait;
}

void ClientStreams::note_handshake(ClientStream& client) {
  if (client.wait != ClientWait::handshake || !client.bytes.tls()->is_open()) return;
  client.handshake = {};
  ++shared_.counters.handshakes_done;
  shared_.counters.handshakes_resumed += client.bytes.tls()->was_resumed();
  wait_for(client, ClientWait::first_message);
}

// Somebody's browser, or a health check: it is told that this is no web server.
ClientStreams::Step ClientStreams::answer_http(ClientStream& client) {
  constexpr std::string_view kBadRequest =
      "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
  client.bytes.push({{}, bytes_of(kBadRequest)}, Droppable::no);
  return say_farewell(client, CloseReason::http);
}

ClientStreams::Step ClientStreams::read_frames(ClientStream& client, IncomingRead& read) {
  for (;;) {
    const auto frame = next_frame(client, read);
    if (!frame) {
      switch (frame.error()) {
        case IncomingError::incomplete:
          return Step::wait;
        case IncomingError::not_turn:
          return close(client, CloseReason::not_turn);
        case IncomingError::too_long:
          return close(client, CloseReason::frame_too_long);
        case IncomingError::no_block:
          return close(client, CloseReason::no_block);
      }
    }
    ++shared_.counters.frames_in;
    if (client.wait == ClientWait::first_message) wait_for(client, ClientWait::activity);
    client.waits_since = shared_.now.monotonic;

    Arrival arrival{client.five_tuple, client.bytes.socket()};
    arrival.realm = listeners_[client.listener].realm;
    const auto elsewhere = handler_.on_frame(arrival, packet_of(*frame));
    if (elsewhere) {
      return hand_over(client, elsewhere->shard,
                       {frame->data(), frame->size() + read.rest().size()});
    }
    if (client.peer.is_valid()) {
      const Bytes first = read.rest();
      read.consume(first.size());
      handler_.on_joined(remove(client), first);
      return Step::gone;
    }
  }
}

/// A long frame is looked for only with an allocation: who has none costs no more than a block.
Result<MutableBytes, IncomingError> ClientStreams::next_frame(const ClientStream& client,
                                                              IncomingRead& read) {
  auto frame = read.next_frame(kMaxFirstFrameSize);
  if (frame || frame.error() != IncomingError::too_long) return frame;
  if (!handler_.has_allocation(client.five_tuple)) return frame;
  return read.next_frame();
}

Packet ClientStreams::packet_of(MutableBytes frame) { return {shared_.headroom(), frame}; }

/// `frames`: the request that the connection moves for, and what was read behind it.
ClientStreams::Step ClientStreams::hand_over(ClientStream& client, uint8_t shard, Bytes frames) {
  if (client.bytes.flush() != Flushed::all) return close(client, CloseReason::not_handed_over);
  forget_in_relay(client);
  ++shared_.counters.handed_over;
  const auto leaving = remove(client);
  auto parts = leaving->bytes.take_apart();
  auto moving = std::make_unique<MovingClient>();
  moving->socket = parts.socket;
  moving->five_tuple = leaving->five_tuple;
  moving->listener = leaving->listener;
  moving->is_announced = leaving->is_announced;
  moving->lease = std::move(leaving->lease);
  moving->tls = std::move(parts.tls);
  moving->frames.assign(frames.begin(), frames.end());
  moving->ciphertext = std::move(parts.ciphertext);
  handler_.hand_over(shard, std::move(moving));
  return Step::gone;
}

void ClientStreams::adopt(std::unique_ptr<MovingClient> moving) {
  const auto socket = shared_.streams.adopt(moving->socket, 0);
  if (!socket) {
    ++shared_.counters.closed[static_cast<size_t>(CloseReason::no_descriptor)];
    return;
  }
  ++shared_.counters.taken_over;
  auto owned = std::make_unique<ClientStream>(shared_, *socket);
  owned->five_tuple = moving->five_tuple;
  owned->listener = moving->listener;
  owned->lease = std::move(moving->lease);
  owned->stage = ClientStage::frames;
  ClientStream& client = add(std::move(owned));
  if (moving->is_announced) supersede(client);
  wait_for(client, ClientWait::activity);
  if (moving->tls != nullptr) {
    client.bytes.resume_tls(std::move(moving->tls), moving->ciphertext);
  }

  const MutableBytes buffer = shared_.offer(0, moving->frames.size());
  std::ranges::copy(moving->frames, buffer.begin());
  shared_.area.take(buffer.size());
  if (on_bytes(client, buffer, buffer.size()) != Step::gone) read(client);
}

ClientStreams::Step ClientStreams::keep_rest(ClientStream& client, IncomingRead& read) {
  return read.keep_rest() ? Step::wait : close(client, CloseReason::no_block);
}

}  // namespace uturn
