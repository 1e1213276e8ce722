// A relay with an allocation and its channel, and one of TCP with a permission, for fuzz targets:
// the clients' and the peers' side.
#pragma once

#include <iterator>
#include <map>
#include <memory>

#include "auth/static_users.h"
#include "server/relay/port_pool.h"
#include "server/relay/relay.h"

namespace uturn {

class RelayWorldForFuzzing {
 public:
  RelayWorldForFuzzing() {
    std::array<uint8_t, 200> bytes{};
    MessageBuilder allocate(bytes, Method::allocate, MessageClass::request, {});
    from_client(allocate.add_requested_transport(17).finish());
    MessageBuilder bind(bytes, Method::channel_bind, MessageClass::request, {});
    bind.add_channel_number(0x4000);
    from_client(bind.add_xor_address(AttributeType::xor_peer_address, peer_).finish());
    MessageBuilder allocate_tcp(bytes, Method::allocate, MessageClass::request, {});
    from_stream(control_, allocate_tcp.add_requested_transport(6).finish());
    MessageBuilder permit(bytes, Method::create_permission, MessageClass::request, {});
    from_stream(control_, permit.add_xor_address(AttributeType::xor_peer_address, peer_).finish());
    CHECK(relay_.allocations() == 2);
  }
  ~RelayWorldForFuzzing() {
    relay_.close_all();
    CHECK(ports_.taken() == 0 && tcp_ports_.taken() == 0 && quota_.held() == 0);
    CHECK(connections_.open.empty());
  }

  void from_client(Bytes datagram) {
    with_packet(datagram, [&](const Packet& packet) {
      return relay_.on_client_packet(
          {.five_tuple = {client_, server_, Transport::udp}, .listener = {1, 1}}, packet, now_);
    });
  }
  void from_peer(Bytes datagram, uint16_t port) {
    PeerAddress peer = peer_;
    peer.port = port;
    with_packet(datagram, [&](const Packet& packet) {
      return relay_.on_peer_packet(sockets_.tag, peer, {}, packet, now_);
    });
  }

  // What belongs to the TCP allocation.
  void from_control(Bytes frame) { from_stream(control_, frame); }
  void from_data(Bytes frame) { from_stream(data_, frame); }
  void peer_connects(uint16_t port) {
    PeerAddress peer = peer_;
    peer.port = port;
    const SocketId socket = connections_.add();
    (void)relay_.on_peer_connection(connections_.tag, socket, peer, now_);
    answer_given_up();
  }
  void connected(uint32_t id) { (void)relay_.on_connected({id}, now_); }
  void ended(uint32_t id) {
    connections_.ended(id);
    (void)relay_.on_connection_ended({id}, now_);
    answer_given_up();
  }
  void control_is_gone() { relay_.on_client_gone({control_, server_, Transport::tcp}); }
  void passes(std::chrono::seconds duration) {
    now_.monotonic += duration;
    now_.calendar += duration;
    relay_.expire(now_);
    answer_given_up();
    CHECK(relay_.tcp_connections() == connections_.open.size());
  }
  /// One of the connections there are, or none's.
  uint32_t some_connection(uint8_t choice) const {
    if (connections_.open.empty()) return choice;
    auto at = connections_.open.begin();
    std::advance(at, choice % connections_.open.size());
    return at->second.value;
  }

 private:
  struct TcpConnections final : TcpSockets {
    RelayTag tag;
    std::map<uint32_t, ConnectionId> open;
    uint32_t slots = 100;
    SocketId add(ConnectionId id = {}) {
      open.emplace(++slots, id);
      return {slots, 1};
    }
    void ended(uint32_t id) {
      std::erase_if(open, [&](const auto& each) { return each.second.value == id; });
    }
    Result<SocketId, SocketFailure> listen(const RelayedAddress&, RelayTag t) override {
      tag = t;
      return SocketId{3, 1};
    }
    void stop_listening(SocketId) override {}
    Result<SocketId, SocketFailure> connect(const RelayedAddress&, const PeerAddress&,
                                            ConnectionId id) override {
      return add(id);
    }
    void keep(SocketId peer, ConnectionId id) override { open.at(peer.slot) = id; }
    void join(SocketId, SocketId peer, ConnectionId id) override {
      CHECK(open.at(peer.slot) == id);
    }
    void close(SocketId peer) override { CHECK(open.erase(peer.slot) == 1); }
  };
  struct Sockets final : RelaySockets {
    RelayTag tag;
    int held = 0;
    Result<SocketId, SocketFailure> open(const RelayedAddress&, RelayTag t) override {
      tag = t;
      return SocketId{2, 1};
    }
    bool begin_receiving(SocketId, const RelayedAddress&) override { return true; }
    void close(SocketId) override {}
    Result<HeldSocket, SocketFailure> hold(const RelayedAddress&) override {
      return HeldSocket{++held};
    }
    Result<SocketId, SocketFailure> adopt(HeldSocket, const RelayedAddress& a,
                                          RelayTag t) override {
      return open(a, t);
    }
    void drop(HeldSocket) override {}
  };
  struct Answers final : AnswerSpace {
    std::unique_ptr<uint8_t[]> block;
    MutableBytes lend(size_t size) override {
      block = std::make_unique<uint8_t[]>(size);
      return {block.get(), size};
    }
  };
  struct NoOthers final : OtherShards {
    bool ask_for_reservation(uint8_t, uint64_t, std::string_view, PendingId) override {
      return false;
    }
    void expect_shortcuts_to(uint8_t) override {}
  };
  struct CountingRandom final : Random {
    uint64_t state = 1;
    void fill(MutableBytes out) override {
      for (uint8_t& byte : out) {
        state = state * 6364136223846793005 + 1442695040888963407;
        byte = static_cast<uint8_t>(state >> 56);
      }
    }
  };

  void from_stream(const ClientAddress& client, Bytes frame) {
    with_packet(frame, [&](const Packet& packet) {
      return relay_.on_client_packet(
          {.five_tuple = {client, server_, Transport::tcp}, .listener = {4, 1}}, packet, now_);
    });
    answer_given_up();
  }
  void answer_given_up() {
    while (relay_.next_given_up(now_)) {
    }
  }

  /// A copy in a block of exactly its size behind the room; the fate must be readable to its end.
  template <class Handle>
  void with_packet(Bytes datagram, Handle handle) {
    const auto block = std::make_unique<uint8_t[]>(kHeadroom + datagram.size());
    std::ranges::copy(datagram, block.get() + kHeadroom);
    const uint64_t before = fates();
    const uint64_t shortcuts_before = relay_.counters().shortcuts_in;
    const Outcome outcome =
        handle(Packet{{block.get(), kHeadroom}, {block.get() + kHeadroom, datagram.size()}});
    // A shortcut is met by the receiver's relay too.
    CHECK(fates() == before + 1 + relay_.counters().shortcuts_in - shortcuts_before);
    CHECK(relay_.counters().datagrams_in == fates());
    if (const auto* answer = std::get_if<Answer>(&outcome)) {
      CHECK(MessageView::parse(answer->message).has_value());
    }
    if (const auto* forward = std::get_if<Forward>(&outcome)) {
      uint8_t sum = 0;
      for (const uint8_t byte : forward->header) sum ^= byte;
      for (const uint8_t byte : forward->payload) sum ^= byte;
      volatile uint8_t read_to_the_end = sum;
      (void)read_to_the_end;
    }
  }
  uint64_t fates() const {
    const RelayCounters c = relay_.counters();
    uint64_t sum = c.answers + c.forwards + c.defers;
    for (const uint64_t drops : c.drops) sum += drops;
    return sum;
  }
  /// The tables are made anew for every input.
  static RelaySettings small_tables() {
    RelaySettings settings;
    settings.limits.answer_sources = 8;
    return settings;
  }
  static TransportAddress at(std::string_view text) { return *TransportAddress::parse(text); }

  Now now_{Instant{} + std::chrono::hours(1), CalendarTime{std::chrono::seconds(1'800'000'000)}};
  ClientAddress client_ = client_address(at("192.0.2.1:4000"));
  ClientAddress control_ = client_address(at("192.0.2.1:4001"));
  ClientAddress data_ = client_address(at("192.0.2.1:4002"));
  ServerAddress server_ = server_address(at("203.0.113.10:3478"));
  PeerAddress peer_ = peer_address(at("8.8.8.8:5000"));
  CountingRandom random_;
  PortPools ports_{{at("203.0.113.10:0").ip, at("[2001:db8::10]:0").ip}, {50'000, 50'099}, random_};
  PortPools tcp_ports_{{at("203.0.113.10:0").ip}, {50'000, 50'099}, random_};
  QuotaLedger quota_{QuotaLimits{}};
  // Without passwords the bytes themselves reach every method.
  Realms realms_{
      std::make_shared<const Authenticator>(
          Authenticator::Settings{
              .realm = "example.org", .required = false, .nonce = {.keys = {NonceKey{}}}},
          nullptr, nullptr, std::vector<std::shared_ptr<UserDirectory>>{}),
      std::make_shared<const PeerPolicy>(PeerPolicy::Settings{})};
  Sockets sockets_;
  TcpConnections connections_;
  Answers answers_;
  NoOthers others_;
  RelayObserver observer_;
  Relay relay_{small_tables(),
               {realms_, quota_, ports_, sockets_, answers_, others_, observer_, random_,
                TcpRelaying{tcp_ports_, connections_}},
               now_};
};

}  // namespace uturn
