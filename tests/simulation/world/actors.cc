// What the actors do.
#include "tests/simulation/world/actors.h"

#include "protocol/message_builder.h"
#include "tests/simulation/world/simulated_server.h"

namespace uturn {

EchoPeer::EchoPeer(VirtualNetwork& network, const TransportAddress& address)
    : network_(network), address_(address) {
  Endpoint endpoint;
  endpoint.receive = [this](const VirtualDatagram& datagram) {
    network_.send({address_, datagram.from, datagram.bytes, datagram.dscp, datagram.ecn, 64});
  };
  CHECK(network.bind(address_, std::move(endpoint), 1));
}

PoliteClient::PoliteClient(VirtualNetwork& network, TransportAddress server, Habits habits,
                           uint64_t seed)
    : network_(network), server_(server), habits_(std::move(habits)), random_(seed), owner_(seed) {}

void PoliteClient::start() {
  pings_ = true;
  begin();
}

// RFC 8656, Section 7.4: after a mismatch another client transport address is taken.
void PoliteClient::begin() {
  if (client_) network_.unbind(address_, owner_);
  ++life_;
  armed_ = kNever;
  address_ = {habits_.ip, 0, 0};
  Endpoint endpoint;
  endpoint.receive = [this](const VirtualDatagram& datagram) {
    if (datagram.from != server_) return;
    std::vector<uint8_t> bytes = datagram.bytes;
    client_->handle(bytes, network_.now());
    pump();
  };
  CHECK(network_.bind(address_, std::move(endpoint), owner_));

  TurnClient::Settings settings;
  settings.credentials =
      LongTermCredentials(habits_.user, SimulatedServer::password_of(habits_.user));
  client_.emplace(std::move(settings), random_);
  AllocationRequest request;
  if (token_) {
    request.relayed = ReservedRelayedAddress{*token_};
    token_.reset();
  } else if (habits_.reserves) {
    request.relayed = OneRelayedAddress{std::nullopt, true, true};
  }
  client_->allocate(request, network_.now());
  pump();
}

void PoliteClient::release() {
  pings_ = false;
  if (client_) client_->release(network_.now());
  pump();
}

void PoliteClient::vanish() {
  pings_ = false;
  if (!client_) return;
  network_.unbind(address_, owner_);
  client_.reset();
  ++life_;
}

void PoliteClient::pump() {
  for (bool busy = true; busy && client_;) {
    busy = false;
    while (const auto datagram = client_->poll_transmit(network_.now())) {
      network_.send({address_, server_, {datagram->begin(), datagram->end()}});
      busy = true;
    }
    const uint64_t life = life_;
    while (auto event = client_->poll_event()) {
      on_event(*event);
      if (!client_ || life != life_) return;  // a new life pumps for itself
      busy = true;
    }
  }
  arm();
}

void PoliteClient::arm() {
  if (!client_) return;
  const Instant next = client_->next_deadline();
  if (next == kNever || next >= armed_) return;
  armed_ = next;
  network_.at(next, [this, life = life_] {
    if (life != life_ || !client_) return;
    armed_ = kNever;
    client_->on_deadline(network_.now());
    pump();
  });
}

void PoliteClient::ping() {
  is_pinging_ = false;
  if (!client_ || !pings_) return;
  std::array<uint8_t, 512> out;
  const std::string text(random_.below(200), 'p');
  if (const auto datagram = write_ping(bytes_of(text), out)) {
    ++sent_;
    network_.send({address_, server_, {datagram->begin(), datagram->end()}});
  }
  is_pinging_ = true;
  network_.at(network_.now().monotonic + habits_.pause, [this, life = life_] {
    if (life == life_) ping();
  });
}

// The forgetful one asks nobody whether it still may.
std::optional<Bytes> PoliteClient::write_ping(Bytes data, MutableBytes out) {
  if (habits_.calls != nullptr) {
    if (!habits_.calls->is_allocated()) return std::nullopt;
    const PeerAddress callee = peer_address(habits_.calls->client_->relayed()[0]);
    return client_->send(callee, data, out, network_.now());
  }
  if (!habits_.is_forgetful) return client_->send(habits_.peer, data, out, network_.now());
  TransactionId id;
  random_.fill(id.bytes);
  MessageBuilder builder(out, Method::send, MessageClass::indication, id);
  builder.add_xor_address(AttributeType::xor_peer_address, habits_.peer);
  builder.add(AttributeType::data, data);
  return builder.finish();
}

void PoliteClient::on_data(const PeerDatagram& datagram) {
  const bool is_call = datagram.peer.ip == SimulatedServer::relay_ip();
  if (!is_call || !habits_.answers_calls) {
    ++heard_;
    return;
  }
  std::array<uint8_t, 512> out;
  const auto answer = client_->send(datagram.peer, datagram.data, out, network_.now());
  if (answer) network_.send({address_, server_, {answer->begin(), answer->end()}});
}

void PoliteClient::on_event(const TurnEvent& event) {
  if (const auto* allocated = std::get_if<Allocated>(&event)) {
    token_ = allocated->reservation_token;
    client_->create_permission(habits_.peer.ip, network_.now());
    if (habits_.calls != nullptr || habits_.answers_calls) {
      client_->create_permission(SimulatedServer::relay_ip(), network_.now());
    }
    if (habits_.binds_channel && !habits_.is_forgetful) {
      client_->bind_channel(habits_.peer, network_.now());
    }
    ping();
  } else if (std::holds_alternative<PermissionInstalled>(event) && habits_.is_forgetful) {
    client_->drop_permission(habits_.peer.ip);
  } else if (const auto* data = std::get_if<PeerDatagram>(&event)) {
    on_data(*data);
  } else if (std::holds_alternative<AllocationLost>(event)) {
    begin();
  } else if (const auto* failure = std::get_if<RequestFailure>(&event)) {
    failures_.push_back(to_string(*failure));
    if (client_->state() != TurnClient::State::idle) return;
    // Tries again in a while, as a person would.
    network_.at(network_.now().monotonic + 20s, [this, life = life_] {
      if (life == life_ && client_ && client_->state() == TurnClient::State::idle) begin();
    });
  }
}

Villain::Villain(VirtualNetwork& network, TransportAddress server, uint64_t seed)
    : network_(network), server_(server), random_(seed) {}

void Villain::overhear(const VirtualDatagram& datagram) {
  constexpr size_t kRemembered = 64;
  overheard_.push_back(datagram);
  if (overheard_.size() > kRemembered) overheard_.pop_front();
}

void Villain::strike() {
  for (uint64_t i = random_.below(8); i < 8; ++i) {
    network_.send(
        {somewhere(), server_, something(), 0, 0, static_cast<uint8_t>(random_.below(65))});
  }
}

// Its own address, a victim's, or one of an honest client it would like to be taken for.
TransportAddress Villain::somewhere() {
  if (!overheard_.empty() && random_.chance(300)) {
    return overheard_[random_.below(overheard_.size())].from;
  }
  const std::array<uint8_t, 4> ip{203, 0, 113, static_cast<uint8_t>(random_.below(4))};
  return {IpAddress::v4(ip), static_cast<uint16_t>(1 + random_.below(65'000)), 0};
}

std::vector<uint8_t> Villain::something() {
  std::vector<uint8_t> bytes;
  switch (random_.below(4)) {
    case 0:
      bytes.resize(random_.below(100));
      random_.fill(bytes);
      return bytes;
    case 1: {
      bytes.resize(200);
      constexpr Method kMethods[] = {Method::binding,      Method::allocate,
                                     Method::refresh,      Method::create_permission,
                                     Method::channel_bind, Method::connect};
      TransactionId id;
      random_.fill(id.bytes);
      MessageBuilder builder(bytes, kMethods[random_.below(std::size(kMethods))],
                             static_cast<MessageClass>(random_.below(4)), id);
      builder.add_requested_transport(static_cast<uint8_t>(random_.below(2) ? 17 : 6));
      bytes.resize(builder.finish().size());
      return bytes;
    }
    default:
      if (overheard_.empty()) return bytes;
      bytes = overheard_[random_.below(overheard_.size())].bytes;
      if (!bytes.empty() && random_.chance(700)) {
        bytes[random_.below(bytes.size())] ^= static_cast<uint8_t>(1 << random_.below(8));
      }
      if (random_.chance(200)) bytes.resize(random_.below(bytes.size() + 1));
      return bytes;
  }
}

}  // namespace uturn
