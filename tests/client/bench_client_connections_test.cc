// ClientConnections: a generator's clients on a real loop.
#include <gtest/gtest.h>

#include <map>

#include "client/tools/bench/client_connections.h"
#include "client/tools/make_connection.h"
#include "io/make_loop.h"
#include "protocol/message_builder.h"
#include "tests/client/small_relay.h"

namespace uturn {
namespace {

std::vector<uint8_t> binding_request(uint8_t number) {
  std::array<uint8_t, 100> buffer;
  TransactionId id;
  id.bytes.fill(number);
  const Bytes bytes = MessageBuilder{buffer, Method::binding, MessageClass::request, id}.finish();
  return {bytes.begin(), bytes.end()};
}

std::unique_ptr<Loop> make_loop() {
  auto loop = try_make_loop(choose_io(IoWish::automatic)->kind, {.max_sockets = 16});
  EXPECT_TRUE(loop) << loop.error();
  (*loop)->start();
  return *std::move(loop);
}

/// Three clients and what they hear.
class Clients final : public LoopHandler, public ClientListener {
 public:
  explicit Clients(BenchServer to) : server(std::move(to)) {}

  void on_datagrams(std::span<ReceivedDatagram> batch) override {
    for (const ReceivedDatagram& datagram : batch) {
      connections.on_datagram(datagram.tag, datagram.packet.bytes(), *this, loop->now());
    }
  }
  void on_icmp_error(const IcmpError& error) override { connections.on_unreachable(error.tag); }
  void on_wake() override {}
  void on_stream_events(std::span<const StreamEvent> events) override {
    connections.on_stream_events(events, *this, loop->now());
  }
  void on_client_frame(size_t client, MutableBytes frame, Now) override {
    const auto message = MessageView::parse(frame);
    ASSERT_TRUE(message);
    answers[client].push_back(message->transaction_id().bytes[0]);
  }
  void on_client_gone(size_t client, const ConnectionEnd& end, Now) override {
    gone[client] = end.id;
  }

  void ask(size_t client, uint8_t number) {
    connections.send(client, {}, binding_request(number), 0);
  }
  /// Passes of the loop until it is so; ctest's limit ends what never is.
  void run_until(auto is_so) {
    while (!is_so()) {
      const Now now = loop->now();
      connections.run_due(*this, now);
      loop->run_pass(*this, now.monotonic + 10ms);
    }
  }
  void expect_answers_to_all() {
    for (uint8_t client = 0; client < 3; ++client) ask(client, client);
    for (uint8_t client = 0; client < 3; ++client) ask(client, client + 100);
    run_until([this] {
      return answers[0].size() == 2 && answers[1].size() == 2 && answers[2].size() == 2;
    });
    for (uint8_t client = 0; client < 3; ++client) {
      EXPECT_EQ(answers[client], (std::vector<int>{client, client + 100}));
    }
    EXPECT_TRUE(gone.empty());
    EXPECT_EQ(connections.dropped(), 0u);
  }

  std::unique_ptr<Loop> loop = make_loop();
  BenchServer server;
  SocketPlace place{{*IpAddress::parse("127.0.0.1")}, {}};
  ClientConnections connections{*loop, server, place, 3};
  std::map<size_t, std::vector<int>> answers;
  std::map<size_t, std::string> gone;
};

BenchServer server_at(const SmallRelay& relay, Transport transport) {
  BenchServer server{
      .address = *TransportAddress::parse(relay.at()), .transport = transport, .name = "127.0.0.1"};
  if (transport != Transport::tcp) {
    const auto security =
        ClientSecurity::make({.authorities_file = relay.authority()}, server.name, true);
    EXPECT_TRUE(security) << security.error();
    server.tls = security->context;
  }
  return server;
}

class OverConnections : public ::testing::TestWithParam<Transport> {};

TEST_P(OverConnections, EachClientHasItsOwn) {
  SmallRelay relay{GetParam()};
  Clients clients{server_at(relay, GetParam())};
  clients.expect_answers_to_all();
  EXPECT_EQ(clients.connections.security() != nullptr, GetParam() != Transport::tcp);
}

TEST_P(OverConnections, WhoHangsUpBeginsAnother) {
  SmallRelay relay{GetParam()};
  Clients clients{server_at(relay, GetParam())};
  clients.ask(1, 7);
  clients.run_until([&] { return clients.answers[1].size() == 1; });
  clients.connections.hang_up(1);
  clients.ask(1, 8);
  clients.run_until([&] { return clients.answers[1].size() == 2; });
  EXPECT_EQ(clients.answers[1], (std::vector<int>{7, 8}));
}

INSTANTIATE_TEST_SUITE_P(Transports, OverConnections, ::testing::Values(Transport::dtls),
                         [](const auto& info) { return std::string{name_of(info.param)}; });

TEST(ClientConnections, TellThatNobodyListens) {
  std::string at;
  {
    at = SmallRelay{Transport::dtls}.at();
  }
  const auto security = ClientSecurity::make({.insecure = true}, "127.0.0.1", true);
  Clients clients{{.address = *TransportAddress::parse(at),
                   .transport = Transport::dtls,
                   .name = "127.0.0.1",
                   .tls = security->context}};
  clients.ask(0, 1);
  clients.run_until([&] { return clients.gone.contains(0); });
  EXPECT_EQ(clients.gone[0], "unreachable");
}

}  // namespace
}  // namespace uturn
