// Two shards stepped by hand, where the order of their ends matters.
#include "server/shard.h"

#include <gtest/gtest.h>

#include <array>

#include "client/tools/client_socket.h"
#include "client/turn_client.h"
#include "io/epoll_loop.h"
#include "server/authentication.h"
#include "server/shared_ports.h"
#include "tests/threads/running_server.h"
#include "tests/threads/udp_end.h"

namespace uturn {
namespace {

/// One of two shards on 127.0.0.1, and a client's socket of its own.
class TwoShards {
 public:
  TwoShards()
      : config_(loopback_config(IoWish::epoll, 2)),
        ports_(config_.relay.addresses, config_.relay.ports),
        channel_(2, [this](uint8_t shard) { shards_[shard]->wake(); }) {
    NonceKey key;
    CsprngRandom().fill(key.secret);
    for (uint8_t i = 0; i < 2; ++i) {
      ShardSettings settings;
      settings.relay.shard = i;
      settings.relay.shards = 2;
      shards_[i] = std::make_unique<Shard>(
          std::move(settings), SharedWorld{policy_, quota_, ports_, channel_, events_},
          make_authenticator(config_, {key}), std::make_unique<CsprngRandom>(),
          make_epoll_loop({.max_sockets = 64}));
      UdpSocketSpec spec;
      spec.kind = SocketKind::listener;
      spec.address = {*IpAddress::parse("127.0.0.1"), 0, 0};
      auto opened = open_listener_group(spec, 1, false);
      CHECK(opened);
      addresses_[i] = opened->address;
      CHECK(shards_[i]->listen(opened->sockets[0], spec, server_address(opened->address)));
      shards_[i]->start();
    }
  }

  Shard& shard(size_t i) { return *shards_[i]; }
  SharedPorts& ports() { return ports_; }

  /// Sends to that shard and steps it until it has something for the client, or has only deferred.
  void tell(size_t shard, TurnClient& client, UdpEnd& end) {
    const Now now = read_clocks();
    while (const auto datagram = client.poll_transmit(now)) {
      end.send(addresses_[shard], *datagram);
      shards_[shard]->pass(now.monotonic + kPatience);
    }
    while (auto answer = end.receive(Duration{})) client.handle(answer->bytes, read_clocks());
  }

 private:
  Config config_;
  PeerPolicy policy_{PeerPolicy::Settings{}};
  QuotaLedger quota_{QuotaLimits{}};
  SharedPorts ports_;
  ShardEvents events_;
  std::array<std::unique_ptr<Shard>, 2> shards_;
  ShardChannel channel_;
  std::array<TransportAddress, 2> addresses_;
};

TurnClient::Settings alice() {
  return {.credentials = {"alice", "secret"}, .retransmission = {}, .decoration = {}};
}

std::optional<Allocated> allocated(TurnClient& client) {
  while (const auto event = client.poll_event()) {
    if (const auto* granted = std::get_if<Allocated>(&*event)) return *granted;
  }
  return std::nullopt;
}

/// A reservation of the first shard, claimed on the second, which then waits.
void claim_across(TwoShards& shards, CsprngRandom& random) {
  UdpEnd end;
  TurnClient first(alice(), random);
  first.allocate({.relayed = OneRelayedAddress{std::nullopt, true, true}}, read_clocks());
  shards.tell(0, first, end);  // 401
  shards.tell(0, first, end);
  const auto even = allocated(first);
  ASSERT_TRUE(even && even->reservation_token);

  UdpEnd other_end;
  TurnClient second(alice(), random);
  second.allocate({.relayed = ReservedRelayedAddress{*even->reservation_token}}, read_clocks());
  shards.tell(1, second, other_end);  // 401
  shards.tell(1, second, other_end);
  ASSERT_FALSE(allocated(second)) << "the other shard must be asked first";
  ASSERT_EQ(shards.shard(1).relay().pending(), 1U);
}

TEST(Shard, AReservationAnsweredToAShardThatHasStoppedIsClosed) {
  const size_t descriptors = count_descriptors();
  CsprngRandom random;
  {
    TwoShards shards;
    claim_across(shards, random);
    shards.shard(1).close();
    shards.shard(0).pass(Instant{});  // reads the claim and answers it
    EXPECT_EQ(shards.shard(0).relay().reservations(), 0U) << "it is under way";
    shards.shard(0).close();
    EXPECT_EQ(shards.ports().taken(), 1U);
    for (size_t i : {0, 1}) shards.shard(i).discard_messages();
    EXPECT_EQ(shards.ports().taken(), 0U);
  }
  EXPECT_EQ(count_descriptors(), descriptors);
}

TEST(Shard, AReservationUnderWayWhenItsNewShardStopsIsClosed) {
  const size_t descriptors = count_descriptors();
  CsprngRandom random;
  {
    TwoShards shards;
    claim_across(shards, random);
    shards.shard(0).pass(Instant{});
    shards.shard(0).close();
    EXPECT_EQ(shards.ports().taken(), 1U);
    shards.shard(1).close();
    EXPECT_EQ(shards.ports().taken(), 0U);
  }
  EXPECT_EQ(count_descriptors(), descriptors);
}

TEST(Shard, AReservationNobodyClaimedAnyMoreGoesWithItsShard) {
  const size_t descriptors = count_descriptors();
  CsprngRandom random;
  {
    TwoShards shards;
    claim_across(shards, random);
    shards.shard(0).close();
    shards.shard(1).close();
    for (size_t i : {0, 1}) shards.shard(i).discard_messages();
    EXPECT_EQ(shards.ports().taken(), 0U);
  }
  EXPECT_EQ(count_descriptors(), descriptors);
}

}  // namespace
}  // namespace uturn
