// Connections of clients: accepting, sending, closing.
//
// Also: RFC 8489, Section 6.2.2; RFC 8656, Section 5.
#include "server/client_streams.h"

#include <utility>

#include "server/socket_tags.h"

namespace uturn {

ClientStreams::ClientStreams(StreamSettings settings, SharedStreams& shared,
                             ConnectionLimits& limits, ClientHandler& handler)
    : settings_(std::move(settings)),
      shared_(shared),
      limits_(limits),
      handler_(handler),
      deadlines_(shared.now) {}

ClientStreams::~ClientStreams() { CHECK(size_ == 0); }

// A proxy's connections are counted for the clients it speaks for, once it has said who they are.
void ClientStreams::on_accepted(const AcceptedStream& accepted) {
  ++shared_.counters.accepted;
  ConnectionLease lease = limits_.take_connection();
  if (!lease.is_held()) return refuse(accepted.socket, CloseReason::too_many_connections);
  const bool is_proxy = std::ranges::any_of(settings_.proxies, [&](const AddressRange& range) {
    return range.contains(accepted.from.ip);
  });
  if (!is_proxy && !lease.count_source(accepted.from.ip)) {
    return refuse(accepted.socket, CloseReason::too_many_of_source);
  }

  auto client = std::make_unique<ClientStream>(shared_, accepted.socket);
  client->five_tuple = {client_address(accepted.from), server_address(accepted.to), Transport::tcp};
  client->listener = static_cast<uint32_t>(accepted.listener_tag);
  client->lease = std::move(lease);
  client->stage = is_proxy ? ClientStage::proxy_header : ClientStage::first_bytes;
  wait_for(add(std::move(client)), ClientWait::first_message);
}

void ClientStreams::on_event(const StreamEvent& event) {
  ClientStream* const client = find(event.socket);
  if (client == nullptr) return;
  if (event.writable) {
    client->bytes.unblock();
    list(*client);
  }
  if (event.readable || event.failed) read(*client);
}

void ClientStreams::send(SocketId to, const OutgoingMessage& message, Droppable droppable) {
  ClientStream* const client = find(to);
  if (client == nullptr || client->stage == ClientStage::ending) {
    ++shared_.counters.dropped_gone;
    return;
  }
  if (client->bytes.push(message, droppable)) {
    ++shared_.counters.messages_out;
    list(*client);
  }
}

void ClientStreams::join(SocketId client, SocketId peer) {
  ClientStream* const joined = find(client);
  CHECK(joined != nullptr);
  joined->peer = peer;
}

void ClientStreams::end_pass() {
  deadlines_.expire(shared_.now, kTimeoutsPerPass, [this](uint64_t slot) {
    ClientStream& client = *by_slot_[slot];
    client.deadline = DeadlineQueue::kNone;
    on_deadline(client);
  });
  flush();
}

void ClientStreams::close_all() {
  for (const auto& client : by_slot_) {
    if (client != nullptr) close(*client, CloseReason::stopping);
  }
}

ClientStream* ClientStreams::find(SocketId socket) {
  if (socket.slot >= by_slot_.size()) return nullptr;
  ClientStream* const client = by_slot_[socket.slot].get();
  return client != nullptr && client->bytes.socket() == socket ? client : nullptr;
}

ClientStream& ClientStreams::add(std::unique_ptr<ClientStream> client) {
  const SocketId socket = client->bytes.socket();
  shared_.streams.set_tag(socket, static_cast<uint64_t>(StreamRole::client));
  if (by_slot_.size() <= socket.slot) by_slot_.resize(socket.slot + 1);
  CHECK(by_slot_[socket.slot] == nullptr);
  by_slot_[socket.slot] = std::move(client);
  shared_.counters.connections = ++size_;
  return *by_slot_[socket.slot];
}

std::unique_ptr<ClientStream> ClientStreams::remove(ClientStream& client) {
  if (client.deadline != DeadlineQueue::kNone) deadlines_.remove(client.deadline);
  client.deadline = DeadlineQueue::kNone;
  if (client.is_announced) {
    announced_.erase({client.five_tuple.client, client.five_tuple.server});
  }
  shared_.counters.connections = --size_;
  return std::move(by_slot_[client.bytes.socket().slot]);
}

void ClientStreams::refuse(SocketId socket, CloseReason why) {
  ++shared_.counters.closed[static_cast<size_t>(why)];
  shared_.streams.reset_on_close(socket);
  shared_.streams.close(socket);
}

// An alert, or what else there is to say, is tried once.
ClientStreams::Step ClientStreams::close(ClientStream& client, CloseReason why) {
  if (client.stage != ClientStage::ending) {
    ++shared_.counters.closed[static_cast<size_t>(why)];
    forget_in_relay(client);
  }
  (void)client.bytes.flush();
  client.bytes.end_writing();
  remove(client);
  return Step::gone;
}

// What it was told last shall arrive: closing at once would reset the connection if it has sent
// something that was not read.
ClientStreams::Step ClientStreams::say_farewell(ClientStream& client, CloseReason why) {
  ++shared_.counters.closed[static_cast<size_t>(why)];
  forget_in_relay(client);
  client.stage = ClientStage::ending;
  wait_for(client, ClientWait::farewell);
  list(client);
  return Step::wait;
}

// A client that was not yet understood has asked the relay for nothing.
void ClientStreams::forget_in_relay(const ClientStream& client) {
  if (client.stage == ClientStage::frames) handler_.on_client_gone(client.five_tuple);
}

// Two connections cannot live between the same two addresses: the earlier one has ended, though
// its proxy has not told so yet.
void ClientStreams::supersede(ClientStream& client) {
  const std::pair<TransportAddress, TransportAddress> key{client.five_tuple.client,
                                                          client.five_tuple.server};
  if (const auto found = announced_.find(key); found != announced_.end()) {
    close(*find(found->second), CloseReason::superseded);
  }
  client.is_announced = true;
  announced_.emplace(key, client.bytes.socket());
}

void ClientStreams::list(ClientStream& client) {
  if (client.is_listed) return;
  client.is_listed = true;
  to_flush_.push_back(client.bytes.socket());
}

void ClientStreams::flush() {
  for (size_t i = 0; i < to_flush_.size(); ++i) {
    if (ClientStream* const client = find(to_flush_[i])) flush(*client);
  }
  to_flush_.clear();
}

void ClientStreams::flush(ClientStream& client) {
  client.is_listed = false;
  switch (client.bytes.flush()) {
    case Flushed::failed:
      close(client, client.has_ended ? CloseReason::ended : CloseReason::reset);
      return;
    case Flushed::blocked:
      set_deadline(client);  // its data grows old
      return;
    case Flushed::all:
      break;
  }
  if (client.stage != ClientStage::ending) return;
  if (client.has_ended) {
    close(client, CloseReason::ended);
  } else {
    client.bytes.end_writing();
  }
}

}  // namespace uturn
