// Connections to and from peers, and the bytes between them and clients.
//
// Also: RFC 6062, Sections 3, 5.2, 5.3, 5.4, 5.5 and 7.
#include "server/peer_streams.h"

#include <utility>

#include "server/socket_tags.h"

namespace uturn {
namespace {

SocketFailure failure_of(StreamError error) {
  const bool is_of_this_address =
      error == StreamError::address_in_use || error == StreamError::address_not_available;
  return is_of_this_address ? SocketFailure::occupied : SocketFailure::exhausted;
}

// Connections to peers leave from the address that is listened on: both sockets say so
// (RFC 6062, Section 5.2), and what is in TIME_WAIT there does not matter.
StreamSpec spec_at(const RelayedAddress& address) {
  StreamSpec spec;
  spec.address = address;
  spec.reuse_address = true;
  spec.reuse_port = true;
  return spec;
}

}  // namespace

// SO_REUSEPORT would share the port with a stranger's socket of the same user, so it is tried
// without it before.
Result<SocketId, SocketFailure> PeerStreams::listen(const RelayedAddress& address, RelayTag tag) {
  StreamSpec alone = spec_at(address);
  alone.reuse_port = false;
  const auto tried = shared_.streams.listen(alone, pack(tag));
  if (!tried) return Failure{failure_of(tried.error())};
  shared_.streams.close(*tried);
  const auto listener = shared_.streams.listen(spec_at(address), pack(tag));
  if (!listener) return Failure{failure_of(listener.error())};
  return *listener;
}

Result<SocketId, SocketFailure> PeerStreams::connect(const RelayedAddress& from,
                                                     const PeerAddress& to, ConnectionId id) {
  const auto socket =
      shared_.streams.connect(spec_at(from), to, static_cast<uint64_t>(StreamRole::peer));
  if (!socket) return Failure{failure_of(socket.error())};
  PeerStream& peer = add(*socket);
  peer.id = id;
  peer.is_connecting = true;
  return *socket;
}

void PeerStreams::keep(SocketId peer, ConnectionId id) { find(peer)->id = id; }

void PeerStreams::close(SocketId socket) {
  if (PeerStream* const peer = find(socket)) remove(*peer);
}

void PeerStreams::on_accepted(SocketId socket) {
  shared_.streams.set_tag(socket, static_cast<uint64_t>(StreamRole::peer));
  add(socket);
}

// Before it is joined only its failure matters: what the peer sends, its FIN included, waits.
void PeerStreams::on_peer_event(const StreamEvent& event) {
  PeerStream* const peer = find(event.socket);
  if (peer == nullptr) return;
  if (peer->client != nullptr) {
    if (event.writable) peer->bytes.unblock();
    return move_bytes(*peer);
  }
  if (event.failed && shared_.streams.error(event.socket) != StreamError::would_block) {
    return end(*peer);
  }
  if (event.writable && std::exchange(peer->is_connecting, false)) {
    handler_.on_connected(peer->id);
  }
}

void PeerStreams::on_client_event(const StreamEvent& event) {
  if (event.socket.slot >= peer_of_.size()) return;
  PeerStream* const peer = find(peer_of_[event.socket.slot]);
  if (peer == nullptr || peer->client == nullptr) return;
  if (peer->client->bytes.socket() != event.socket) return;
  if (event.writable) peer->client->bytes.unblock();
  move_bytes(*peer);
}

void PeerStreams::begin(std::unique_ptr<ClientStream> client, Bytes first) {
  PeerStream* const peer = find(client->peer);
  if (peer == nullptr) return;  // its allocation has ended meanwhile, and so does the client
  const SocketId socket = client->bytes.socket();
  shared_.streams.set_tag(socket, static_cast<uint64_t>(StreamRole::joined_client));
  if (peer_of_.size() <= socket.slot) peer_of_.resize(socket.slot + 1);
  peer_of_[socket.slot] = peer->bytes.socket();
  ++shared_.counters.joined;
  ++shared_.counters.joined_now;
  peer->client = std::move(client);

  if (!first.empty()) count(*peer, Towards::peer, first.size());
  if (!first.empty() && !peer->bytes.push({{}, first}, Droppable::no)) return end(*peer);
  // What was told of either end before is told once more.
  shared_.streams.remind(socket);
  shared_.streams.remind(peer->bytes.socket());
  move_bytes(*peer);
}

PeerStreams::PeerStream* PeerStreams::find(SocketId socket) {
  if (socket.slot >= by_slot_.size()) return nullptr;
  PeerStream* const peer = by_slot_[socket.slot].get();
  return peer != nullptr && peer->bytes.socket() == socket ? peer : nullptr;
}

PeerStreams::PeerStream& PeerStreams::add(SocketId socket) {
  if (by_slot_.size() <= socket.slot) by_slot_.resize(socket.slot + 1);
  CHECK(by_slot_[socket.slot] == nullptr);
  by_slot_[socket.slot] = std::make_unique<PeerStream>(shared_, socket);
  ++size_;
  return *by_slot_[socket.slot];
}

void PeerStreams::remove(PeerStream& peer) {
  const SocketId socket = peer.bytes.socket();
  --size_;
  shared_.counters.joined_now -= peer.client != nullptr;
  by_slot_[socket.slot] = nullptr;
}

void PeerStreams::end(PeerStream& peer) {
  const ConnectionId id = peer.id;
  const bool is_done = peer.to_peer.is_over && peer.to_client.is_over;
  if (peer.client != nullptr && !is_done) {
    ++shared_.counters.joined_failed;
    // Neither shall take for the end what is none.
    shared_.streams.reset_on_close(peer.bytes.socket());
    shared_.streams.reset_on_close(peer.client->bytes.socket());
  }
  remove(peer);
  handler_.on_connection_ended(id);
}

void PeerStreams::move_bytes(PeerStream& peer) {
  const bool both_live = move_bytes(peer, Towards::peer) && move_bytes(peer, Towards::client);
  if (!both_live || (peer.to_peer.is_over && peer.to_client.is_over)) end(peer);
}

// False: one of the two has failed. The other end of a connection that was reset hears nothing
// else, once it has got what was read before.
bool PeerStreams::move_bytes(PeerStream& peer, Towards towards) {
  ByteStream& from = towards == Towards::peer ? peer.client->bytes : peer.bytes;
  ByteStream& to = towards == Towards::peer ? peer.bytes : peer.client->bytes;
  Way& way = towards == Towards::peer ? peer.to_peer : peer.to_client;
  for (uint32_t reads = 0;;) {
    if (to.flush() == Flushed::failed) return false;
    if (way.has_ended) {
      if (!to.has_unsent() && !std::exchange(way.is_over, true)) to.end_writing();
      return true;
    }
    const bool must_go_on = from.has_unread();
    if (to.has_unsent() && !must_go_on) return true;  // when it can be written to, it goes on
    if (!must_go_on && (reads++ == kReadsPerTurn || !shared_.may_read())) {
      shared_.streams.remind(from.socket());
      return true;
    }
    const MutableBytes buffer = shared_.offer(0);
    const auto size = from.read(buffer);
    if (!size) {
      if (size.error() == StreamError::would_block) return true;
      if (size.error() != StreamError::ended) return false;
      way.has_ended = true;
      continue;
    }
    if (*size == 0) continue;
    shared_.count_read(*size);
    count(peer, towards, *size);
    if (!to.push({{}, buffer.first(*size)}, Droppable::no)) return false;  // no block is left
  }
}

void PeerStreams::count(const PeerStream& peer, Towards towards, size_t bytes) {
  StreamCounters& counters = shared_.counters;
  (towards == Towards::peer ? counters.joined_bytes_to_peers : counters.joined_bytes_to_clients) +=
      bytes;
  handler_.on_bytes_joined(peer.id, towards, bytes);
}

}  // namespace uturn
