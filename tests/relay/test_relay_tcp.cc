// TestRelay: streams of clients, and the peers of TCP allocations.
#include "tests/relay/test_relay.h"

namespace uturn {

TestClient& TestRelay::stream_client(std::string_view text, std::string username, uint8_t shard,
                                     Transport transport) {
  return add_client(text, std::move(username), shard, transport);
}

void TestRelay::is_gone(TestClient& client) {
  at(client.shard()).on_client_gone(client.five_tuple());
  answer_given_up();
}

void TestRelay::peer_connects(std::string_view peer, const TransportAddress& relayed) {
  last_drop_.reset();
  for (uint8_t i = 0; i < shards_.size(); ++i) {
    const FakeTcpSockets::Listener* listener = tcp_sockets(i).listener_at(relayed);
    if (listener == nullptr) continue;
    const SocketId socket = tcp_sockets(i).accept(listener->address, peer_at(peer));
    shards_[i].answers->take_back();
    carry_out(i, nullptr, at(i).on_peer_connection(listener->tag, socket, peer_at(peer), now));
    answer_given_up();
    return;
  }
  FAIL() << "nobody listens there";
}

void TestRelay::peer_accepts(std::string_view peer) {
  const auto [shard, socket] = connection_to(peer);
  shards_[shard].answers->take_back();
  carry_out(shard, at(shard).on_connected(*tcp_sockets(shard).at(socket).id, now));
  answer_given_up();
}

void TestRelay::peer_refuses(std::string_view peer) { connection_ends(peer); }

void TestRelay::connection_ends(std::string_view peer) {
  const auto [shard, socket] = connection_to(peer);
  const ConnectionId id = *tcp_sockets(shard).at(socket).id;
  tcp_sockets(shard).ended(socket);
  shards_[shard].answers->take_back();
  carry_out(shard, at(shard).on_connection_ended(id, now));
  answer_given_up();
}

bool TestRelay::is_connected_with(std::string_view peer) const {
  return std::ranges::any_of(
      shards_, [&](const Shard& s) { return s.tcp_sockets->to(address(peer)).has_value(); });
}

const TestClient* TestRelay::joined_with(std::string_view peer) const {
  const auto [shard, socket] = connection_to(peer);
  const auto client = shards_[shard].tcp_sockets->at(socket).client;
  for (const auto& each : clients_) {
    if (client && each->arrival_.listener == *client && each->shard_ == shard) return each.get();
  }
  EXPECT_FALSE(client) << "joined with a connection that is not there";
  return nullptr;
}

std::pair<uint8_t, SocketId> TestRelay::connection_to(std::string_view peer) const {
  for (uint8_t i = 0; i < shards_.size(); ++i) {
    if (const auto socket = shards_[i].tcp_sockets->to(address(peer))) return {i, *socket};
  }
  CHECK(false);
  return {};
}

void TestRelay::answer_given_up() {
  for (uint8_t i = 0; i < shards_.size(); ++i) {
    for (;;) {
      shards_[i].answers->take_back();
      const auto resumed = at(i).next_given_up(now);
      if (!resumed) break;
      carry_out(i, resumed);
    }
  }
}

}  // namespace uturn
