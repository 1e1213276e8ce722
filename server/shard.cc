// The shard's passes: what the loop brings goes to the relay, what the relay decides goes to the
// loop.
#include "server/shard.h"

#include <algorithm>
#include <utility>

#include "server/socket_tags.h"

namespace uturn {
namespace {

SocketFailure failure_of(OpenError error) {
  const bool is_of_this_address =
      error == OpenError::address_in_use || error == OpenError::address_not_available;
  return is_of_this_address ? SocketFailure::occupied : SocketFailure::exhausted;
}

constexpr size_t kDeniedRangesTold = 64;
constexpr std::chrono::seconds kExhaustedEventPause{60};

}  // namespace

Shard::Shard(ShardSettings settings, SharedWorld world, std::unique_ptr<const Realms> realms,
             std::unique_ptr<Random> random, std::unique_ptr<Loop> loop)
    : settings_(std::move(settings)),
      world_(world),
      realms_(std::move(realms)),
      random_(std::move(random)),
      loop_(std::move(loop)),
      now_(loop_->now()),
      streams_(*loop_, now_, settings_.streams.queue_bytes, settings_.streams.queue_age),
      clients_(settings_.streams, streams_, world.connections, *this),
      peers_(streams_, clients_, *this),
      relay_(settings_.relay,
             RelayWorld{*realms_, world.quota, world.ports, *this, *this, *this, *this, *random_,
                        TcpRelaying{world.tcp_ports, peers_}},
             now_),
      dtls_(settings_.dtls, world.connections, *loop_, *random_, *this),
      proxied_(settings_.streams.proxies, *random_, now_) {}

Shard::~Shard() = default;

Result<SocketId, OpenError> Shard::listen(LooseSocket socket, const UdpSocketSpec& spec,
                                          const ServerAddress& address, TakesPlain plain,
                                          RealmId realm) {
  const auto opened = loop_->adopt(socket, spec, listeners_.size(), true);
  if (!opened) return opened;
  return add_listener(*opened, address, plain, realm);
}

Result<SocketId, OpenError> Shard::listen(const UdpSocketSpec& spec, TakesPlain plain) {
  const auto opened = loop_->open(spec, listeners_.size());
  if (!opened) return opened;
  return add_listener(*opened, server_address(loop_->local_address(*opened)), plain, kAnyRealm);
}

Result<SocketId, OpenError> Shard::add_listener(SocketId socket, const ServerAddress& address,
                                                TakesPlain plain, RealmId realm) {
  listeners_.push_back({address, plain, realm});
  listener_sockets_.push_back(socket);
  note_wrappings();
  return socket;
}

Result<SocketId, StreamError> Shard::listen(LooseSocket socket, TakesPlain plain, RealmId realm) {
  auto opened = loop_->streams().adopt_listener(socket, clients_.listeners());
  if (!opened) return opened;
  clients_.add_listener(plain, realm);
  stream_listeners_.push_back(*opened);
  return opened;
}

Result<SocketId, StreamError> Shard::listen(const StreamSpec& spec, TakesPlain plain) {
  auto opened = loop_->streams().listen(spec, clients_.listeners());
  if (!opened) return opened;
  clients_.add_listener(plain, kAnyRealm);
  stream_listeners_.push_back(*opened);
  return opened;
}

void Shard::set_tls_context(std::shared_ptr<const TlsContext> context) {
  dtls_.set_context(context);
  clients_.set_tls_context(std::move(context));
  note_wrappings();
}

void Shard::drain(bool on) { on ? relay_.drain() : relay_.resume(); }

void Shard::serve(std::unique_ptr<const Realms> realms) {
  relay_.serve(*realms);
  realms_ = std::move(realms);
  denied_.clear();
}

void Shard::reload(ShardSettings settings) {
  relay_.reload(settings.relay);
  settings_.relay = std::move(settings.relay);
  streams_.outgoing.max_bytes = settings.streams.queue_bytes;
  streams_.outgoing.max_age = settings.streams.queue_age;
  proxied_.set_proxies(settings.streams.proxies);
  clients_.reload(std::move(settings.streams));
  dtls_.reload(settings.dtls);
  note_wrappings();
}

void Shard::set_plain(std::span<const TakesPlain> of_datagrams,
                      std::span<const TakesPlain> of_streams) {
  CHECK(of_datagrams.size() == listeners_.size());
  for (size_t i = 0; i < listeners_.size(); ++i) listeners_[i].plain = of_datagrams[i];
  clients_.set_plain(of_streams);
  note_wrappings();
}

void Shard::run() {
  start();
  while (!stopping_) pass(kNever);
  close();
}

// What was said to this shard before, like the secrets of a database, is heard before any client.
void Shard::start() {
  loop_->start();
  on_wake();
}

void Shard::pass(Instant wake_at) {
  loop_->run_pass(*this, std::min(wake_at, next_deadline()));
  release_shortcuts();
  now_ = loop_->now();
  if (works_since_) meter_.count_pass(now_.monotonic - *std::exchange(works_since_, std::nullopt));
  relay_.expire(now_);
  while (const auto given_up = relay_.next_given_up(now_)) carry_out(given_up);
  peers_.go_on();
  clients_.end_pass();
  streams_.end_pass();
  dtls_.expire(now_);
  if (proxied_.is_on() || proxied_.counters().clients > 0) {
    proxied_.expire(now_, [this](const FiveTuple& client) { return has_allocation(client); });
  }
}

void Shard::close() {
  for (const SocketId id : std::exchange(stream_listeners_, {})) loop_->streams().close(id);
  clients_.close_all();
  dtls_.close_all();
  relay_.close_all();
  discard_messages();
  loop_->flush();
  // Here, in the thread that reads them: a ring that ends with receives under way keeps their ports
  // for a while.
  for (const SocketId id : std::exchange(listener_sockets_, {})) loop_->close(id);
}

void Shard::on_datagrams(std::span<ReceivedDatagram> batch) {
  now_ = loop_->now();
  if (!works_since_) works_since_ = now_.monotonic;
  meter_.count_batch(batch.size());
  while (!batch.empty()) {
    const auto group = batch.first(std::min(batch.size(), LookAhead::kMost));
    batch = batch.subspan(group.size());
    if (relay_.looks_ahead()) look_ahead(group);
    for (const ReceivedDatagram& datagram : group) on_datagram(datagram);
  }
  wake_others();
}

void Shard::look_ahead(std::span<const ReceivedDatagram> group) {
  for (const ReceivedDatagram& datagram : group) {
    if ((datagram.tag & kRelayBit) != 0) {
      relay_.expect(unpack(datagram.tag));
    } else {
      relay_.expect(five_tuple_of(datagram));
    }
  }
  relay_.look_ahead();
}

void Shard::on_datagram(const ReceivedDatagram& datagram) {
  if ((datagram.tag & kRelayBit) != 0) {
    const IpFields ip{datagram.dscp, datagram.ecn, datagram.ttl, false, {}};
    const Outcome outcome = relay_.on_peer_packet(unpack(datagram.tag), peer_address(datagram.from),
                                                  ip, datagram.packet, now_);
    if (const auto* forward = std::get_if<Forward>(&outcome)) carry_out(*forward);
    return;
  }
  const DatagramListener& listener = listeners_[datagram.tag];
  const Arrival arrival{
      five_tuple_of(datagram), datagram.socket, datagram.dscp, datagram.ecn, datagram.ttl,
      listener.realm};
  if ((listener.wrapped & kind_of_first_byte(datagram.packet)) != 0) {
    on_wrapped(arrival, datagram);
    return;
  }
  carry_out(arrival, relay_.on_client_packet(arrival, datagram.packet, now_));
}

FiveTuple Shard::five_tuple_of(const ReceivedDatagram& datagram) const {
  const ServerAddress& listener = listeners_[datagram.tag].address;
  return {client_address(datagram.from),
          server_address({datagram.to, listener.port, listener.scope_id}), Transport::udp};
}

// Of clients, or of peers to a TCP relayed transport address.
void Shard::on_accepted(std::span<const AcceptedStream> batch) {
  now_ = loop_->now();
  for (const AcceptedStream& accepted : batch) {
    if (!accepted.socket.is_valid()) continue;  // closed by the one before it
    if ((accepted.listener_tag & kRelayBit) == 0) {
      clients_.on_accepted(accepted);
      continue;
    }
    peers_.on_accepted(accepted.socket);
    const Outcome outcome = relay_.on_peer_connection(
        unpack(accepted.listener_tag), accepted.socket, peer_address(accepted.from), now_);
    if (const auto* attempt = std::get_if<Forward>(&outcome)) {
      clients_.send(attempt->via, {{}, attempt->payload}, Droppable::no);
    }
  }
}

void Shard::on_stream_events(std::span<const StreamEvent> batch) {
  now_ = loop_->now();
  if (!works_since_) works_since_ = now_.monotonic;
  for (const StreamEvent& event : batch) {
    switch (static_cast<StreamRole>(event.tag)) {
      case StreamRole::none:
        break;
      case StreamRole::client:
        clients_.on_event(event);
        break;
      case StreamRole::peer:
        peers_.on_peer_event(event);
        break;
      case StreamRole::joined_client:
        peers_.on_client_event(event);
        break;
    }
  }
  wake_others();
}

std::optional<HandOver> Shard::on_frame(const Arrival& arrival, const Packet& packet) {
  return carry_out(arrival, relay_.on_client_packet(arrival, packet, now_));
}

void Shard::on_joined(std::unique_ptr<ClientStream> client, Bytes first) {
  peers_.begin(std::move(client), first);
}

void Shard::hand_over(uint8_t shard, std::unique_ptr<MovingClient> client) {
  auto refused = world_.channel.send(settings_.relay.shard, shard, std::move(client));
  if (refused) discard(std::move(*refused));
}

// What a client's packet comes to. A HandOver is for whoever has its connection.
std::optional<HandOver> Shard::carry_out(const Arrival& arrival, const Outcome& outcome) {
  if (const auto* forward = std::get_if<Forward>(&outcome)) {
    carry_out(*forward);
  } else if (const auto* answered = std::get_if<Answer>(&outcome)) {
    answer(arrival, *answered);
  } else if (const auto* shortcut = std::get_if<Shortcut>(&outcome)) {
    carry_out(*shortcut);
  } else if (const auto* elsewhere = std::get_if<HandOver>(&outcome)) {
    return *elsewhere;
  }
  return std::nullopt;
}

// To peers and to most clients by the loop; other clients have connections or sessions.
void Shard::carry_out(const Forward& forward) {
  switch (forward.transport) {
    case Transport::udp:
      loop_->send({forward.via,
                   proxied_.is_on() ? proxied_.route(forward.via, forward.to, forward.ip.source)
                                    : forward.to,
                   forward.header, forward.payload, forward.ip, forward.padding});
      break;
    case Transport::tcp:
    case Transport::tls:
      clients_.send(forward.via, {forward.header, forward.payload, forward.padding},
                    Droppable::yes);
      break;
    case Transport::dtls:
      dtls_.send(forward.via, forward.header, forward.payload, forward.padding, forward.ip, now_);
      break;
  }
}

void Shard::carry_out(const std::optional<Resumed>& resumed) {
  if (!resumed) return;
  if (const auto* answered = std::get_if<Answer>(&resumed->outcome)) {
    answer(resumed->arrival, *answered);
  }
}

void Shard::answer(const Arrival& arrival, const Answer& answer) {
  switch (arrival.five_tuple.transport) {
    case Transport::udp:
      loop_->send({arrival.listener, route_of(arrival), {}, answer.message, answer.ip});
      break;
    case Transport::tcp:
    case Transport::tls:
      clients_.send(arrival.listener, {{}, answer.message}, Droppable::no);
      break;
    case Transport::dtls:
      dtls_.send(arrival.listener, {}, answer.message, 0, answer.ip, now_);
      break;
  }
}

void Shard::on_icmp_error(const IcmpError& error) {
  if ((error.tag & kRelayBit) == 0) return;
  now_ = loop_->now();
  const Outcome outcome = relay_.on_icmp_error(unpack(error.tag), peer_address(error.destination),
                                               {error.type, error.code, error.data}, now_);
  if (const auto* forward = std::get_if<Forward>(&outcome)) carry_out(*forward);
}

Result<SocketId, SocketFailure> Shard::open(const RelayedAddress& address, RelayTag tag) {
  auto opened = loop_->open(relay_socket_at(address), pack(tag));
  if (!opened) return Failure{failure_of(opened.error())};
  return *opened;
}

bool Shard::begin_receiving(SocketId id, const RelayedAddress& address) {
  return loop_->begin_receiving(id, relay_socket_at(address));
}

Result<HeldSocket, SocketFailure> Shard::hold(const RelayedAddress& address) {
  auto opened = loop_->open(relay_socket_at(address), kRelayBit | UINT32_MAX);
  if (!opened) return Failure{failure_of(opened.error())};
  return HeldSocket{loop_->detach(*opened).handle};
}

Result<SocketId, SocketFailure> Shard::adopt(HeldSocket socket, const RelayedAddress& address,
                                             RelayTag tag) {
  auto adopted = loop_->adopt({socket.handle}, relay_socket_at(address), pack(tag), false);
  if (!adopted) return Failure{failure_of(adopted.error())};
  return *adopted;
}

UdpSocketSpec Shard::relay_socket_at(const RelayedAddress& address) const {
  UdpSocketSpec spec = settings_.relay_socket;
  spec.kind = SocketKind::relay;
  spec.address = address;
  spec.receives_later = true;
  return spec;
}

void Shard::on_peer_denied(const PeerDecision& decision) {
  if (denied_.size() == kDeniedRangesTold) return;
  if (std::ranges::find(denied_, decision.range) != denied_.end()) return;
  denied_.push_back(decision.range);
  world_.events.push({.kind = ShardEvent::Kind::peer_denied, .decision = decision});
}

void Shard::on_auth_failure(AuthFailure why, const ClientAddress& client) {
  if (!world_.events.wants_auth_failures()) return;
  world_.events.push({.kind = ShardEvent::Kind::auth_failure, .why = why, .client = client});
}

void Shard::on_failed_login(AuthFailure why, const ClientAddress& client, std::string_view username,
                            std::string_view realm) {
  world_.events.push(FailedLogin{why, client.ip,
                                 std::string{username.substr(0, FailedLogins::kMostOfAName)},
                                 std::string{realm}});
}

void Shard::on_allocation_ended(const Allocation& allocation, EndReason why) {
  if (!world_.events.wants_ended()) return;
  EndedAllocation ended;
  ended.username = allocation.identity.username;
  ended.realm = allocation.traffic_class->realm;
  ended.five_tuple = allocation.five_tuple;
  for (const auto& side : allocation.sides) {
    if (side) ended.relayed.push_back(side->port.address());
  }
  ended.relays_tcp = allocation.tcp != nullptr;
  ended.lasted = now_.monotonic - allocation.created_at;
  ended.traffic = allocation.traffic;
  ended.why = why;
  world_.events.push(std::move(ended));
}

void Shard::on_ports_exhausted(AddressFamily family) {
  if (now_.monotonic < next_exhausted_event_) return;
  next_exhausted_event_ = now_.monotonic + kExhaustedEventPause;
  world_.events.push({.kind = ShardEvent::Kind::ports_exhausted, .family = family});
}

}  // namespace uturn
