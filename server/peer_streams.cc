// Connections to and from peers, and the bytes between them and clients.
//
// Also: RFC 6062, Sections 3, 5.2, 5.3, 5.4, 5.5 and 7.
#include "server/peer_streams.h"

#include <algorithm>
#include <array>
#include <span>
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

// Who has had something, and waits anew, stands behind those of the round that got nothing: it
// would have it all otherwise.
void PeerStreams::go_on() {
  if (waiting_.empty() || !is_past(next_round_, shared_.now)) return;
  std::array<SocketId, kCreditsPerRound> round;
  const size_t size = std::min(waiting_.size(), round.size());
  std::copy_n(waiting_.begin(), size, round.begin());
  waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<ptrdiff_t>(size));
  next_round_ = shared_.now.monotonic + kCreditRound;
  size_t served = 0;
  for (const SocketId socket : std::span(round).first(size)) {
    PeerStream* const peer = find(socket);
    if (peer == nullptr) continue;
    peer->is_waiting = false;
    --shared_.counters.joined_waiting;
    const uint64_t waits = shared_.counters.joined_waits;
    move_bytes(*peer);
    const bool waits_anew = shared_.counters.joined_waits != waits;
    if (!waits_anew || waiting_.empty() || waiting_.back() != socket) continue;
    waiting_.pop_back();
    round[served++] = socket;
  }
  waiting_.insert(waiting_.end(), round.begin(), round.begin() + static_cast<ptrdiff_t>(served));
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

  if (!first.empty()) {
    peer->to_peer.credit -= static_cast<int64_t>(first.size());  // it has been read already
    count(*peer, Towards::peer, first.size());
  }
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
  shared_.counters.joined_waiting -= peer.is_waiting;
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
  if (!both_live || (peer.to_peer.is_over && peer.to_client.is_over)) return end(peer);
  const bool waits = peer.to_peer.waits || peer.to_client.waits;
  if (!waits || std::exchange(peer.is_waiting, true)) return;
  ++shared_.counters.joined_waiting;
  if (waiting_.empty()) next_round_ = shared_.now.monotonic + kCreditRound;
  waiting_.push_back(peer.bytes.socket());
}

// A turn of one way; its bytes are counted, and their credit is settled, once.
bool PeerStreams::move_bytes(PeerStream& peer, Towards towards) {
  const int64_t credit = way_of(peer, towards).credit;
  size_t moved = 0;
  const bool both_live = pass_on(peer, towards, moved);
  if (moved > 0 || way_of(peer, towards).credit != credit) count(peer, towards, moved);
  return both_live;
}

// False: one of the two has failed. The other end of a connection that was reset hears nothing
// else, once it has got what was read before.
bool PeerStreams::pass_on(PeerStream& peer, Towards towards, size_t& moved) {
  ByteStream& from = towards == Towards::peer ? peer.client->bytes : peer.bytes;
  ByteStream& to = towards == Towards::peer ? peer.bytes : peer.client->bytes;
  Way& way = way_of(peer, towards);
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
    if (!must_go_on && !has_credit(peer, towards)) return true;
    const MutableBytes buffer = shared_.offer(0);
    const auto size = from.read(buffer, must_go_on ? kReadSize : static_cast<size_t>(way.credit));
    if (!size) {
      if (size.error() == StreamError::would_block) return true;
      if (size.error() != StreamError::ended) return false;
      way.has_ended = true;
      continue;
    }
    if (*size == 0) continue;
    shared_.count_read(*size);
    way.credit -= static_cast<int64_t>(*size);
    moved += *size;
    if (!to.push({{}, buffer.first(*size)}, Droppable::no)) return false;  // no block is left
  }
}

// What is not read stays where it is, and its sender waits with it.
bool PeerStreams::has_credit(PeerStream& peer, Towards towards) {
  Way& way = way_of(peer, towards);
  if (way.credit > 0) return true;
  if (way.waits && peer.is_waiting) return false;  // its turn comes
  if (way.credit < 0) count(peer, towards, 0);     // what is owed is the allocation's first
  const size_t given = handler_.on_credit_wanted(peer.id, towards, way.waits);
  way.credit += static_cast<int64_t>(given);
  const bool waited = std::exchange(way.waits, given == 0);
  if (given > 0) return true;
  shared_.counters.joined_waits += !waited;
  return false;
}

void PeerStreams::count(PeerStream& peer, Towards towards, size_t bytes) {
  StreamCounters& counters = shared_.counters;
  (towards == Towards::peer ? counters.joined_bytes_to_peers : counters.joined_bytes_to_clients) +=
      bytes;
  Way& way = way_of(peer, towards);
  way.credit = static_cast<int64_t>(handler_.on_bytes_joined(peer.id, towards, bytes, way.credit));
}

}  // namespace uturn
