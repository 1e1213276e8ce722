// ClientConnections: between a loop's sockets and ServerConnections.
#include "client/tools/bench/client_connections.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "client/tools/make_connection.h"

namespace uturn {
namespace {

constexpr size_t kReadSize = 64 * 1024;
constexpr int kReadsAtOnce = 8;  // then others have their turn
constexpr int kDatagramBuffer = 256 * 1024;

int errno_of(StreamError error) {
  switch (error) {
    case StreamError::ended:
      return 0;
    case StreamError::reset:
      return ECONNRESET;
    case StreamError::refused:
      return ECONNREFUSED;
    case StreamError::timed_out:
      return ETIMEDOUT;
    case StreamError::address_in_use:
      return EADDRINUSE;
    case StreamError::address_not_available:
      return EADDRNOTAVAIL;
    case StreamError::no_permission:
      return EACCES;
    case StreamError::no_descriptors:
      return EMFILE;
    case StreamError::family_not_supported:
      return EAFNOSUPPORT;
    case StreamError::unreachable:
    case StreamError::would_block:
    case StreamError::other:
      break;
  }
  return EHOSTUNREACH;
}

}  // namespace

class ClientConnections::Sink final : public FrameSink {
 public:
  Sink(ClientListener& listener, size_t client, Now now)
      : listener_(listener), client_(client), now_(now) {}
  void on_frame(MutableBytes frame) override { listener_.on_client_frame(client_, frame, now_); }

 private:
  ClientListener& listener_;
  size_t client_;
  Now now_;
};

ClientConnections::ClientConnections(Loop& loop, const BenchServer& server,
                                     const SocketPlace& place, uint32_t clients)
    : loop_(loop), server_(server), place_(place), links_(clients), buffer_(kReadSize) {
  security_settings_.context = server.tls;
  security_settings_.server_name = server.name;
}

void ClientConnections::hang_up_all() {
  for (size_t client = 0; client < links_.size(); ++client) hang_up(client);
}

void ClientConnections::send(size_t client, Bytes header, Bytes payload, size_t padding) {
  Link& link = links_[client];
  if (!link.connection) begin(client, loop_.now());
  if (!link.connection->send(header, payload, padding)) ++dropped_;
  mark_dirty(client);
}

void ClientConnections::begin(size_t client, Now now) {
  Link& link = links_[client];
  link.connection = make_connection(server_.transport, &security_settings_);
  link.is_connected = false;
  link.is_end_told = false;
  if (!std::exchange(link.is_shaking, true)) shaking_.push_back(client);
  open_socket(client);
  if (!is_reliable(server_.transport) && !link.connection->has_ended()) connected(link, now);
}

void ClientConnections::connected(Link& link, Now now) {
  link.is_connected = true;
  link.connection->on_connected(now);
}

void ClientConnections::open_socket(size_t client) {
  Link& link = links_[client];
  const TransportAddress from{place_.addresses[client % place_.addresses.size()], 0, 0};
  const auto visit = enter(place_);
  if (!visit) return link.connection->on_error(ENOENT);
  if (is_reliable(server_.transport)) {
    const auto socket = loop_.streams().connect({.address = from}, server_.address, client);
    if (!socket) return link.connection->on_error(errno_of(socket.error()));
    link.socket = *socket;
  } else {
    const auto socket = loop_.open({.kind = SocketKind::relay,
                                    .address = from,
                                    .receive_buffer = kDatagramBuffer,
                                    .send_buffer = kDatagramBuffer},
                                   client);
    if (!socket) return link.connection->on_error(EMFILE);
    link.socket = *socket;
  }
}

void ClientConnections::hang_up(size_t client) {
  Link& link = links_[client];
  if (!link.connection) return;
  link.connection->leave();
  write(client);
  if (link.socket.is_valid()) {
    is_reliable(server_.transport) ? loop_.streams().close(link.socket) : loop_.close(link.socket);
  }
  link.socket = {};
  leaving_.push_back(std::move(link.connection));
}

void ClientConnections::run_due(ClientListener& listener, Now now) {
  leaving_.clear();
  for (const size_t client : std::exchange(ended_, {})) note_end(client, listener, now);
  for (size_t i = shaking_.size(); i-- > 0;) {
    const size_t client = shaking_[i];
    Link& link = links_[client];
    if (link.connection && is_past(link.connection->next_deadline(now), now)) {
      link.connection->on_deadline(now);
      mark_dirty(client);
    }
    if (link.connection) note_end(client, listener, now);
    if (link.connection && link.connection->state() == ServerConnection::State::connecting) {
      continue;
    }
    note_security(link);
    link.is_shaking = false;
    shaking_[i] = shaking_.back();
    shaking_.pop_back();
  }
  flush();
}

Instant ClientConnections::next_deadline(Now now) const {
  Instant next = kNever;
  for (const size_t client : shaking_) {
    const auto& connection = links_[client].connection;
    if (connection) next = std::min(next, connection->next_deadline(now));
  }
  return next;
}

void ClientConnections::on_stream_events(std::span<const StreamEvent> events,
                                         ClientListener& listener, Now now) {
  for (const StreamEvent& event : events) {
    const auto client = static_cast<size_t>(event.tag);
    if (client >= links_.size() || links_[client].socket != event.socket) continue;
    Link& link = links_[client];
    if (event.writable && !event.failed && !link.is_connected) connected(link, now);
    if (event.readable) read(client, listener, now);
    if (link.socket != event.socket) continue;  // hung up by whoever heard what was read
    if (event.failed) link.connection->on_error(errno_of(loop_.streams().error(event.socket)));
    mark_dirty(client);
    note_end(client, listener, now);
  }
  flush();
}

void ClientConnections::read(size_t client, ClientListener& listener, Now now) {
  Link& link = links_[client];
  const SocketId socket = link.socket;
  Sink sink{listener, client, now};
  for (int i = 0; i < kReadsAtOnce; ++i) {
    if (link.socket != socket || link.connection->has_ended()) return;
    const auto size = loop_.streams().read(socket, buffer_);
    if (!size && size.error() == StreamError::would_block) return;
    if (!size) return link.connection->on_error(errno_of(size.error()));
    link.connection->on_arrived(MutableBytes{buffer_}.first(*size), sink, now);
  }
  if (link.socket == socket) loop_.streams().remind(socket);
}

void ClientConnections::on_datagram(size_t client, MutableBytes datagram, ClientListener& listener,
                                    Now now) {
  if (client >= links_.size() || !links_[client].connection) return;
  Sink sink{listener, client, now};
  links_[client].connection->on_arrived(datagram, sink, now);
  mark_dirty(client);
  note_end(client, listener, now);
}

void ClientConnections::on_unreachable(size_t client) {
  if (client >= links_.size() || !links_[client].connection) return;
  links_[client].connection->on_error(ECONNREFUSED);
  ended_.push_back(client);
}

void ClientConnections::mark_dirty(size_t client) {
  if (!std::exchange(links_[client].is_dirty, true)) dirty_.push_back(client);
}

void ClientConnections::flush() {
  for (const size_t client : dirty_) {
    links_[client].is_dirty = false;
    write(client);
  }
  dirty_.clear();
}

void ClientConnections::write(size_t client) {
  Link& link = links_[client];
  if (!link.connection || !link.is_connected) return;
  is_reliable(server_.transport) ? write_stream(link) : write_datagrams(link);
  if (link.connection->has_ended() && !link.is_end_told) ended_.push_back(client);
}

void ClientConnections::write_stream(Link& link) {
  for (Bytes bytes = link.connection->outgoing(); !bytes.empty();
       bytes = link.connection->outgoing()) {
    const auto size = loop_.streams().write(link.socket, {&bytes, 1});
    if (!size && size.error() == StreamError::would_block) return;
    if (!size) return link.connection->on_error(errno_of(size.error()));
    link.connection->sent(*size);
  }
}

void ClientConnections::write_datagrams(Link& link) {
  for (Bytes bytes = link.connection->outgoing(); !bytes.empty();
       bytes = link.connection->outgoing()) {
    const MutableBytes lent = loop_.lend(bytes.size()).first(bytes.size());
    std::ranges::copy(bytes, lent.begin());
    loop_.send(
        {.via = link.socket, .to = server_.address, .header = {}, .payload = lent, .ip = {}});
    link.connection->sent(bytes.size());
  }
}

void ClientConnections::note_end(size_t client, ClientListener& listener, Now now) {
  Link& link = links_[client];
  if (!link.connection || !link.connection->has_ended()) return;
  if (std::exchange(link.is_end_told, true)) return;
  const ConnectionEnd end = link.connection->end();  // the listener may hang up
  listener.on_client_gone(client, end, now);
}

void ClientConnections::note_security(const Link& link) {
  if (!security_ && link.connection) security_ = link.connection->security();
}

}  // namespace uturn
