// Whatever clients, peers and time do in whatever order: no TCP connection is lost, none is kept.
#include "tests/property/seeded.h"
#include "tests/relay/test_relay.h"

namespace uturn {
namespace {

/// Clients of two shards, a handful of peers, and chance.
class Conversation {
 public:
  explicit Conversation(Seeded& seeded) : seeded_(seeded), relay_(settings(seeded)) {
    for (uint8_t i = 0; i < 4; ++i) {
      controls_.push_back(&relay_.stream_client("192.0.2.1:" + std::to_string(4'000 + i),
                                                i < 2 ? "alice" : "bob", i % 2));
    }
  }

  void step() {
    TestClient& control = *seeded_.pick(controls_);
    if (seeded_.one_in(10)) control.has_nonce("");
    switch (seeded_.below(12)) {
      case 0:
        control.allocate_tcp();
        break;
      case 1:
        control.create_permission("198.51.100.7:0");
        break;
      case 2:
      case 3:
        control.connect(some_peer());
        break;
      case 4:
      case 5:
        if (relay_.is_connected_with(peer_ = some_peer())) relay_.peer_accepts(peer_);
        break;
      case 6:
        if (relay_.is_connected_with(peer_ = some_peer())) relay_.connection_ends(peer_);
        break;
      case 7:
        a_peer_connects();
        break;
      case 8:
        bind();
        break;
      case 9:
        relay_.passes(std::chrono::seconds(seeded_.below(40)));
        break;
      case 10:
        relay_.passes_unswept(std::chrono::seconds(seeded_.below(40)));
        break;
      default:
        if (seeded_.one_in(2)) {
          relay_.is_gone(control);
        } else {
          control.refresh(seeded_.one_in(2) ? 0 : 600);
        }
    }
    for (TestClient* each : controls_) listen_to(*each);
  }

  void expect_order() {
    for (uint8_t shard = 0; shard < 2; ++shard) {
      const auto& sockets = relay_.tcp_sockets(shard);
      ASSERT_EQ(relay_.at(shard).tcp_connections(), sockets.connections().size());
      ASSERT_EQ(relay_.at(shard).allocations(), sockets.listeners().size());
      std::set<std::pair<TransportAddress, TransportAddress>> pairs;
      for (const auto& [slot, connection] : sockets.connections()) {
        ASSERT_TRUE(connection.id) << "accepted, and forgotten";
        ASSERT_EQ(TcpConnectionTable::shard_of(*connection.id), shard);
        ASSERT_TRUE(pairs.emplace(connection.local, connection.peer).second)
            << "two connections between the same addresses";
      }
    }
  }

  void expect_silence() {
    relay_.passes(700s);
    for (uint8_t shard = 0; shard < 2; ++shard) {
      EXPECT_EQ(relay_.at(shard).tcp_connections(), 0u);
      EXPECT_EQ(relay_.at(shard).allocations(), 0u);
      EXPECT_EQ(relay_.at(shard).pending(), 0u);
      EXPECT_EQ(relay_.at(shard).next_deadline(), kNever);
      EXPECT_EQ(relay_.counters(shard).pending_expired, 0u) << "a Connect was never answered";
    }
  }
  uint64_t bound() { return relay_.counters(0).tcp_bound + relay_.counters(1).tcp_bound; }

 private:
  static TestSettings settings(Seeded& seeded) {
    TestSettings settings{.relays_tcp = true, .shards = 2, .seed = seeded.word()};
    settings.relay.limits.tcp_connections = 6;
    settings.relay.limits.tcp_connections_per_allocation = 3;
    return settings;
  }
  std::string some_peer() { return "198.51.100.7:" + std::to_string(5'000 + seeded_.below(4)); }
  void a_peer_connects() {
    const auto& listeners = relay_.tcp_sockets(static_cast<uint8_t>(seeded_.below(2))).listeners();
    if (listeners.empty()) return;
    const RelayedAddress relayed = listeners.begin()->second.address;
    // The kernel lets nobody connect twice; one that the relay believes alive has ended by then.
    peer_ = some_peer();
    if (!relay_.is_connected_with(peer_)) relay_.peer_connects(peer_, relayed);
  }
  void bind() {
    auto& data = relay_.stream_client("192.0.2.1:" + std::to_string(10'000 + ++data_connections_),
                                      seeded_.one_in(2) ? "alice" : "bob",
                                      static_cast<uint8_t>(seeded_.below(2)));
    ConnectionId id{static_cast<uint32_t>(seeded_.word())};
    if (!ids_.empty() && !seeded_.one_in(8)) id = seeded_.pick(ids_);
    data.bind_connection(id);
  }
  void listen_to(TestClient& client) {
    while (!client.hears_nothing()) {
      const ConnectionId id = client.answer().connection();
      if (id.value != 0) ids_.push_back(id);
    }
  }

  Seeded& seeded_;
  TestRelay relay_;
  std::vector<TestClient*> controls_;
  std::vector<ConnectionId> ids_;
  std::string peer_;
  uint32_t data_connections_ = 0;
};

TEST(TcpProperty, NoConnectionIsLostAndNoneIsKept) {
  uint64_t bound = 0;
  for_seeds(40, [&](Seeded& seeded) {
    Conversation conversation(seeded);
    for (int i = 0; i < 200; ++i) {
      conversation.step();
      conversation.expect_order();
      if (testing::Test::HasFatalFailure()) return;
    }
    bound += conversation.bound();
    conversation.expect_silence();
  });
  EXPECT_GT(bound, 0u) << "nothing was ever bound: the conversation proves little";
}

}  // namespace
}  // namespace uturn
