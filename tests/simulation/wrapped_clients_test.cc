// Clients whose TURN is wrapped up on its way: in records of DTLS, or behind a proxy's header.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "client/turn_client.h"
#include "io/clock.h"
#include "io/dtls_session.h"
#include "io/tls_certificate.h"
#include "tests/simulation/world/actors.h"
#include "tests/simulation/world/simulated_server.h"

namespace uturn {
namespace {

using ::testing::ElementsAre;

std::shared_ptr<const TlsContext> made_context() {
  const Now now = Clock().now();
  return *TlsContext::load(
      {.certificates = {make_self_signed({"turn.example.org"}, {}, now)}, .alpn = {"stun.turn"}},
      TlsTicketKeys::make(now));
}

/// A TURN client of which every datagram is wrapped, and what came for it unwrapped.
class WrappedClient {
 public:
  WrappedClient(VirtualNetwork& network, TransportAddress address, uint64_t seed)
      : network_(network), address_(address), random_(seed), owner_(seed) {
    Endpoint endpoint;
    endpoint.receive = [this](const VirtualDatagram& datagram) { receive(datagram.bytes); };
    CHECK(network_.bind(address_, std::move(endpoint), owner_));
    begin();
  }
  virtual ~WrappedClient() { network_.unbind(address_, owner_); }

  void allocate() {
    turn_->allocate({}, network_.now());
    pump();
  }
  void bind_channel(const PeerAddress& peer) {
    CHECK(turn_->bind_channel(peer, network_.now()));
    pump();
  }
  void send(const PeerAddress& peer, std::string_view text) {
    std::vector<uint8_t> buffer(text.size() + 64);
    const auto datagram = turn_->send(peer, bytes_of(text), buffer, network_.now());
    CHECK(datagram);
    wrap(*datagram);
  }
  /// Nothing of a former life is remembered.
  void begin() {
    turn_.emplace(
        TurnClient::Settings{.credentials = {"alice", SimulatedServer::password_of("alice")},
                             .retransmission = {},
                             .decoration = {}},
        random_);
  }

  bool is_allocated() const { return turn_->state() == TurnClient::State::allocated; }
  std::vector<std::string> heard() { return std::exchange(heard_, {}); }
  const std::optional<TransportAddress>& mapped() const { return mapped_; }

 protected:
  virtual void wrap(Bytes datagram) = 0;
  virtual void receive(std::vector<uint8_t> datagram) = 0;

  void transmit(Bytes datagram) {
    network_.send({address_, SimulatedServer::listener(), {datagram.begin(), datagram.end()}});
  }
  void take(MutableBytes message) {
    turn_->handle(message, network_.now());
    while (auto event = turn_->poll_event()) {
      if (const auto* data = std::get_if<PeerDatagram>(&*event))
        heard_.emplace_back(text_of(data->data));
      if (const auto* allocated = std::get_if<Allocated>(&*event)) mapped_ = allocated->mapped;
    }
    pump();
  }
  void pump() {
    while (const auto datagram = turn_->poll_transmit(network_.now())) wrap(*datagram);
  }

  VirtualNetwork& network_;

 private:
  TransportAddress address_;
  SeededRandom random_;
  uint64_t owner_;
  std::optional<TurnClient> turn_;
  std::vector<std::string> heard_;
  std::optional<TransportAddress> mapped_;
};

class DtlsClient final : public WrappedClient {
 public:
  DtlsClient(VirtualNetwork& network, const char* address, uint64_t seed)
      : WrappedClient(network, *TransportAddress::parse(address), seed) {}

  void connect() {
    session_ = DtlsSession::connect(
        *ClientTlsContext::make({.verify = false, .alpn = {"stun.turn"}}), "turn.example.org");
    flush();
  }
  void end() {
    session_->end();
    flush();
  }
  /// A message that is no TURN, to show that the session is used.
  void say(std::string_view text) { wrap(bytes_of(text)); }
  bool is_open() const { return session_->is_open(); }
  TlsState state() const { return session_->state(); }

  bool stops_after_cookie = false;

 private:
  void wrap(Bytes message) override {
    std::vector<uint8_t> record(message.size() + DtlsSession::kRecordOverhead);
    const size_t size = session_->write(std::span{&message, 1}, record);
    CHECK(size > 0);
    transmit(Bytes{record}.first(size));
  }
  void receive(std::vector<uint8_t> datagram) override {
    constexpr size_t kMessageType = 13;  // behind the record's header
    constexpr uint8_t kHelloVerifyRequest = 3;
    if (stops_after_cookie && datagram[kMessageType] != kHelloVerifyRequest) return;
    session_->feed(datagram);
    std::vector<uint8_t> message(DtlsSession::kMaxPlaintext);
    while (const size_t size = session_->read(message)) take(MutableBytes{message}.first(size));
    flush();
  }
  void flush() {
    std::array<uint8_t, 2'048> datagram;
    while (const size_t size = session_->poll_transmit(datagram)) {
      transmit(Bytes{datagram}.first(size));
    }
  }

  std::unique_ptr<DtlsSession> session_;
};

/// Behind a proxy: what it sends leaves from the proxy's address with a header in front.
class ProxiedClient final : public WrappedClient {
 public:
  ProxiedClient(VirtualNetwork& network, const char* proxy, const char* announced, uint64_t seed)
      : WrappedClient(network, *TransportAddress::parse(proxy), seed),
        announced_(*TransportAddress::parse(announced)) {}

  bool has_header = true;

 private:
  //   signature (12)   version and command   family and transport   length   addresses and ports
  void wrap(Bytes datagram) override {
    const TransportAddress server = SimulatedServer::listener();
    std::vector<uint8_t> all{0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51,
                             0x55, 0x49, 0x54, 0x0A, 0x21, 0x12, 0,    12};
    if (!has_header) all.clear();
    const auto add = [&](Bytes bytes) { all.insert(all.end(), bytes.begin(), bytes.end()); };
    const auto add_port = [&](uint16_t port) {
      all.push_back(static_cast<uint8_t>(port >> 8));
      all.push_back(static_cast<uint8_t>(port));
    };
    if (has_header) {
      add(announced_.ip.bytes());
      add(server.ip.bytes());
      add_port(announced_.port);
      add_port(server.port);
    }
    add(datagram);
    transmit(all);
  }
  void receive(std::vector<uint8_t> datagram) override { take(datagram); }

  TransportAddress announced_;
};

class WrappedClients : public testing::Test {
 protected:
  WrappedClients() : peer_(network_, *TransportAddress::parse("198.51.100.7:7000")) {}

  void start(ServerSpec spec = {}) {
    spec.shards = 1;
    server_.emplace(network_, spec);
    server_->shards()[0]->set_tls_context(made_context());
  }
  const DtlsCounters& dtls() const { return server_->shards()[0]->dtls_counters(); }
  const Relay& relay() const { return server_->shards()[0]->relay(); }
  void pass(Duration time) { server_->run_for(time); }
  static PeerAddress peer() { return peer_address(*TransportAddress::parse("198.51.100.7:7000")); }

  void expect_service(WrappedClient& client) {
    client.allocate();
    pass(1s);
    ASSERT_TRUE(client.is_allocated());
    client.bind_channel(peer());
    pass(1s);
    client.send(peer(), "hello");
    pass(1s);
    EXPECT_THAT(client.heard(), ElementsAre("hello"));
    // Longer than a lent buffer. The relay socket truncates the first of its kind, and no further.
    const std::string longer(3'000, 'x');
    for (int i = 0; i < 2; ++i) {
      client.send(peer(), longer);
      pass(1s);
    }
    EXPECT_TRUE(client.heard() == std::vector{longer});
  }

  VirtualNetwork network_{1};
  EchoPeer peer_;
  std::optional<SimulatedServer> server_;
};

TEST_F(WrappedClients, ADtlsClientIsServedOnThePortOfAllOthers) {
  start();
  DtlsClient alice(network_, "203.0.113.1:4000", 2);
  alice.connect();
  pass(1s);
  ASSERT_TRUE(alice.is_open());
  expect_service(alice);
  EXPECT_EQ(alice.mapped(), TransportAddress::parse("203.0.113.1:4000"));
  EXPECT_EQ(dtls().handshakes_done, 1u);
  EXPECT_EQ(dtls().messages_lost, 0u);
}

TEST_F(WrappedClients, BeforeItsCookieComesBackNothingIsKeptOfAClient) {
  start({.limits = {.answers_per_second = 2, .answers_burst = 10}});
  for (int i = 0; i < 100; ++i) {
    DtlsClient stranger(network_, "203.0.113.1:4000", 2);
    stranger.connect();  // and is gone
  }
  pass(1s);
  EXPECT_EQ(dtls().sessions, 0u);
  EXPECT_LE(dtls().cookies_sent, 12u) << "and nobody is flooded with them";
  EXPECT_GE(dtls().hellos_unanswered, 88u);
}

TEST_F(WrappedClients, CloseNotifyEndsTheAllocation) {
  start();
  DtlsClient alice(network_, "203.0.113.1:4000", 2);
  alice.connect();
  pass(1s);
  expect_service(alice);
  EXPECT_EQ(relay().allocations(), 1u);
  alice.end();
  pass(1s);
  EXPECT_EQ(relay().allocations(), 0u);
  EXPECT_EQ(dtls().sessions, 0u);
  EXPECT_EQ(dtls().ended_by_client, 1u);
  EXPECT_EQ(alice.state(), TlsState::ended) << "it was answered";
}

TEST_F(WrappedClients, AClientThatLostItsStateBeginsAnewOnTheSameFiveTuple) {
  start();
  DtlsClient alice(network_, "203.0.113.1:4000", 2);
  alice.connect();
  pass(1s);
  expect_service(alice);
  alice.begin();
  alice.connect();
  pass(1s);
  ASSERT_TRUE(alice.is_open());
  EXPECT_EQ(dtls().begun_anew, 1u);
  EXPECT_EQ(relay().allocations(), 0u) << "what it had went with its state";
  expect_service(alice);
  EXPECT_EQ(dtls().sessions, 1u);
}

TEST_F(WrappedClients, AStrangersHelloDoesNotDisturbASession) {
  start();
  DtlsClient alice(network_, "203.0.113.1:4000", 2);
  alice.connect();
  pass(1s);
  expect_service(alice);
  // Somebody sends ClientHellos in her name, and does not see the cookies.
  const auto forger = DtlsSession::connect(*ClientTlsContext::make({.verify = false}), "");
  std::vector<uint8_t> hello(2'048);
  hello.resize(forger->poll_transmit(hello));
  network_.send({*TransportAddress::parse("203.0.113.1:4000"), SimulatedServer::listener(), hello});
  std::vector<uint8_t> noise(60, 23);
  network_.send({*TransportAddress::parse("203.0.113.1:4000"), SimulatedServer::listener(), noise});
  pass(1s);
  alice.send(peer(), "still here");
  pass(1s);
  EXPECT_THAT(alice.heard(), ElementsAre("still here"));
}

TEST_F(WrappedClients, WhoSaysNothingAfterTheHandshakeIsLetGo) {
  start();
  DtlsClient silent(network_, "203.0.113.1:4000", 2);
  silent.connect();
  pass(1s);
  ASSERT_TRUE(silent.is_open());
  pass(12s);
  EXPECT_EQ(dtls().ended_silent, 1u);
  EXPECT_EQ(dtls().sessions, 0u);
  EXPECT_EQ(silent.state(), TlsState::ended);
}

TEST_F(WrappedClients, AnIdleSessionEndsUnlessItHasAnAllocation) {
  start();
  DtlsClient idle(network_, "203.0.113.1:4000", 2);
  DtlsClient alice(network_, "203.0.113.2:4000", 3);
  idle.connect();
  alice.connect();
  pass(1s);
  idle.say("no TURN at all");
  expect_service(alice);
  pass(65s);
  EXPECT_EQ(dtls().ended_idle, 1u);
  EXPECT_EQ(idle.state(), TlsState::ended);
  alice.send(peer(), "rested");  // its buffers had been given back
  pass(1s);
  EXPECT_THAT(alice.heard(), ElementsAre("rested"));
  EXPECT_EQ(dtls().sessions, 1u);
}

TEST_F(WrappedClients, OneSourceHasSoManySessionsAndNoMore) {
  start({.connections = {.connections_per_source = 2}});
  DtlsClient first(network_, "203.0.113.1:4001", 2);
  DtlsClient second(network_, "203.0.113.1:4002", 3);
  DtlsClient third(network_, "203.0.113.1:4003", 4);
  DtlsClient other(network_, "203.0.113.2:4001", 5);
  for (DtlsClient* client : {&first, &second, &third, &other}) {
    client->connect();
    pass(1s);
  }
  EXPECT_TRUE(first.is_open() && second.is_open() && other.is_open());
  EXPECT_FALSE(third.is_open());
  EXPECT_EQ(dtls().hellos_refused, 1u);
  first.end();
  pass(1s);
  third.connect();
  pass(1s);
  EXPECT_TRUE(third.is_open()) << "the place of one that ended";
}

TEST_F(WrappedClients, HandshakesThatAreNotFinishedAreBoundedAndEnd) {
  start({.connections = {.handshakes = 3}});
  std::vector<std::unique_ptr<DtlsClient>> slow;
  for (int i = 0; i < 5; ++i) {
    slow.push_back(std::make_unique<DtlsClient>(
        network_, ("203.0.113.1:" + std::to_string(4001 + i)).c_str(), 10 + i));
    slow.back()->stops_after_cookie = true;
    slow.back()->connect();
    pass(100ms);
  }
  EXPECT_EQ(dtls().sessions, 3u);
  EXPECT_GT(dtls().hellos_refused, 0u);
  pass(15s);
  EXPECT_EQ(dtls().sessions, 0u);
  EXPECT_EQ(dtls().handshakes_timed_out, 3u);
  DtlsClient alice(network_, "203.0.113.2:4000", 3);
  alice.connect();
  pass(1s);
  expect_service(alice);
}

TEST_F(WrappedClients, RecordsOfNoSessionAreDiscarded) {
  start();
  for (const uint8_t first : {20, 21, 22, 23, 25, 63}) {
    std::vector<uint8_t> record(100, first);
    record[1] = 0xFE;
    record[2] = 0xFD;
    network_.send({*TransportAddress::parse("203.0.113.9:9"), SimulatedServer::listener(), record});
  }
  pass(1s);
  EXPECT_EQ(dtls().strangers, 6u);
  EXPECT_EQ(server_->shards()[0]->loop_counters().datagrams_out, 0u);
}

TEST_F(WrappedClients, WhatAProxyAnnouncesIsTheClientAndAnswersGoToTheProxy) {
  start({.streams = {.proxies = {*AddressRange::parse("203.0.113.128/25")}}});
  ProxiedClient alice(network_, "203.0.113.200:6000", "192.0.2.77:4000", 2);
  alice.allocate();
  pass(1s);
  ASSERT_TRUE(alice.is_allocated());
  EXPECT_EQ(alice.mapped(), TransportAddress::parse("192.0.2.77:4000"));
  alice.bind_channel(peer());
  pass(1s);
  alice.send(peer(), "hello");
  pass(1s);
  EXPECT_THAT(alice.heard(), ElementsAre("hello"));
  EXPECT_EQ(server_->shards()[0]->proxy_counters().clients, 1u);
}

TEST_F(WrappedClients, AProxysDatagramWithoutItsHeaderIsDropped) {
  start({.streams = {.proxies = {*AddressRange::parse("203.0.113.128/25")}}});
  ProxiedClient alice(network_, "203.0.113.200:6000", "192.0.2.77:4000", 2);
  alice.has_header = false;
  alice.allocate();
  pass(1s);
  EXPECT_FALSE(alice.is_allocated());
  EXPECT_EQ(server_->shards()[0]->proxy_counters().no_header, 1u);
}

TEST_F(WrappedClients, AHeaderFromAnybodyElseIsNoHeader) {
  start({.streams = {.proxies = {*AddressRange::parse("203.0.113.128/25")}}});
  ProxiedClient mallory(network_, "203.0.113.1:6000", "192.0.2.77:4000", 2);
  mallory.allocate();
  pass(1s);
  EXPECT_FALSE(mallory.is_allocated());
  EXPECT_EQ(relay().counters().drops[static_cast<size_t>(DropReason::unknown_protocol)], 1u);
  ProxiedClient direct(network_, "203.0.113.2:6000", "192.0.2.77:4000", 3);
  direct.has_header = false;
  expect_service(direct);
}

TEST_F(WrappedClients, AProxiedClientIsForgottenWithItsAllocation) {
  start({.streams = {.proxies = {*AddressRange::parse("203.0.113.128/25")}}});
  ProxiedClient alice(network_, "203.0.113.200:6000", "192.0.2.77:4000", 2);
  alice.allocate();
  pass(1s);
  EXPECT_EQ(server_->shards()[0]->proxy_counters().clients, 1u);
  pass(std::chrono::seconds(900));
  EXPECT_EQ(relay().allocations(), 0u);
  EXPECT_EQ(server_->shards()[0]->proxy_counters().clients, 0u);
}

}  // namespace
}  // namespace uturn
