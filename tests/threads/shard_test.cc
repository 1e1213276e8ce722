// Two shards stepped by hand, where the order of their ends matters.
#include "server/shard.h"

#include <gtest/gtest.h>

#include <array>
#include <deque>

#include "client/tools/client_socket.h"
#include "client/turn_client.h"
#include "io/epoll_loop.h"
#include "io/stream_socket.h"
#include "protocol/message_builder.h"
#include "server/authentication.h"
#include "server/shard_errand.h"
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
        tcp_ports_(config_.relay.addresses, config_.relay.ports),
        channel_(2, [this](uint8_t shard) { shards_[shard]->wake(); }) {
    NonceKey key;
    CsprngRandom().fill(key.secret);
    for (uint8_t i = 0; i < 2; ++i) {
      ShardSettings settings;
      settings.relay.shard = i;
      settings.relay.shards = 2;
      shards_[i] = std::make_unique<Shard>(
          std::move(settings),
          SharedWorld{quota_, ports_, channel_, events_, shortcuts_, tcp_ports_, connections_},
          std::make_unique<Realms>(make_authenticator(config_, config_.server.realm, {key}),
                                   policy_),
          std::make_unique<CsprngRandom>(), make_epoll_loop({.max_sockets = 64}));
      UdpSocketSpec spec;
      spec.kind = SocketKind::listener;
      spec.address = {*IpAddress::parse("127.0.0.1"), 0, 0};
      auto opened = open_listener_group(spec, 1, false);
      CHECK(opened);
      addresses_[i] = opened->address;
      CHECK(shards_[i]->listen(opened->sockets[0], spec, server_address(opened->address)));
      StreamSpec streams;
      streams.address = {*IpAddress::parse("127.0.0.1"), 0, 0};
      const auto connections = open_stream_listener_group(streams, 1);
      CHECK(connections);
      stream_addresses_[i] = connections->address;
      CHECK(shards_[i]->listen(connections->sockets[0], TakesPlain::yes));
      shards_[i]->start();
    }
  }

  Shard& shard(size_t i) { return *shards_[i]; }
  const TransportAddress& address(size_t i) const { return addresses_[i]; }
  const TransportAddress& stream_address(size_t i) const { return stream_addresses_[i]; }
  uint32_t connections() const { return connections_.connections(); }
  SharedPorts& ports() { return ports_; }
  ShardChannel& channel() { return channel_; }

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
  std::shared_ptr<const PeerPolicy> policy_ =
      std::make_shared<const PeerPolicy>(PeerPolicy::Settings{});
  QuotaLedger quota_{QuotaLimits{}};
  SharedPorts ports_;
  SharedPorts tcp_ports_;
  ConnectionLimits connections_{{}};
  ShardEvents events_;
  ShortcutRings shortcuts_{2};
  std::array<std::unique_ptr<Shard>, 2> shards_;
  ShardChannel channel_;
  std::array<TransportAddress, 2> addresses_;
  std::array<TransportAddress, 2> stream_addresses_;
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

TEST(Shard, AnErrandRunsOnTheShardAndItsAnswerComesBack) {
  TwoShards shards;
  auto answer = ask_shard(shards.channel(), 1, [](Shard& shard) { return &shard; });
  EXPECT_EQ(answer.wait_for(0s), std::future_status::timeout) << "not before the shard's turn";
  shards.shard(1).pass(Instant{});
  EXPECT_EQ(answer.get(), &shards.shard(1));
}

TEST(Shard, AnErrandThatFindsTheRingFullOrTheShardStoppedIsAnsweredEmpty) {
  TwoShards shards;
  const auto one = [](Shard&) { return 1; };
  std::vector<std::future<std::optional<int>>> waiting;
  for (size_t i = 0; i < ShardChannel::kCapacity; ++i) {
    waiting.push_back(ask_shard(shards.channel(), 0, one));
  }
  EXPECT_EQ(ask_shard(shards.channel(), 0, one).get(), std::nullopt) << "the ring is full";
  shards.shard(0).close();
  for (auto& answer : waiting) EXPECT_EQ(answer.get(), std::nullopt);
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

/// A ConnectionBind (RFC 6062) for a connection of that shard, by somebody who guesses.
std::vector<uint8_t> bind_for(uint8_t shard) {
  std::vector<uint8_t> bytes(200);
  TransactionId id;
  CsprngRandom().fill(id.bytes);
  MessageBuilder builder(bytes, Method::connection_bind, MessageClass::request, id);
  builder.add_u32(AttributeType::connection_id, uint32_t{shard} << 24 | 1);
  const std::array<uint8_t, 16> key{};
  builder.add_integrity(key);
  bytes.resize(builder.finish().size());
  return bytes;
}

/// A client's connection to the first shard, of which a request has gone to the second.
ClientSocket moving_client(TwoShards& shards) {
  auto client = ClientSocket::open(ClientSocket::Kind::stream, shards.stream_address(0));
  CHECK(client);
  const std::vector<uint8_t> request = bind_for(1);
  Result<size_t, int> sent = Failure{0};
  while (!sent) sent = client->send(request);
  while (shards.shard(0).stream_counters().handed_over == 0) {
    shards.shard(0).pass(read_clocks().monotonic + kPatience);
  }
  return std::move(*client);
}

TEST(Shard, AConnectionThatMovedIsTheOtherShards) {
  TwoShards shards;
  ClientSocket client = moving_client(shards);
  EXPECT_EQ(shards.shard(0).stream_counters().connections, 0U);
  EXPECT_EQ(shards.connections(), 1U) << "counted all the time";
  shards.shard(1).pass(read_clocks().monotonic);
  EXPECT_EQ(shards.shard(1).stream_counters().taken_over, 1U);
  std::array<uint8_t, 500> answer;
  Result<size_t, int> size = Failure{0};
  while (!(size = client.receive(answer)) && would_block(size.error())) {
  }
  ASSERT_TRUE(size && *size > 0) << "it is challenged there";
  EXPECT_EQ(MessageView::parse(MutableBytes{answer}.first(*size))->message_class(),
            MessageClass::error);
  for (size_t i : {0, 1}) shards.shard(i).close();
  EXPECT_EQ(shards.connections(), 0U);
}

TEST(Shard, AConnectionThatMovesToAShardThatHasStoppedIsClosed) {
  const size_t descriptors = count_descriptors();
  {
    TwoShards shards;
    ClientSocket client = moving_client(shards);
    shards.shard(1).close();
    std::array<uint8_t, 100> nothing;
    Result<size_t, int> size = Failure{0};
    while (!(size = client.receive(nothing)) && would_block(size.error())) {
    }
    EXPECT_TRUE(!size || *size == 0);
    shards.shard(0).close();
    EXPECT_EQ(shards.connections(), 0U);
  }
  EXPECT_EQ(count_descriptors(), descriptors);
}

/// A client of one of the shards.
class Talker {
 public:
  Talker(TwoShards& shards, size_t shard)
      : shards_(shards), shard_(shard), turn_(alice(), random_) {
    turn_.allocate({}, read_clocks());
    shards_.tell(shard_, turn_, end_);  // 401
    shards_.tell(shard_, turn_, end_);
    const auto granted = allocated(turn_);
    CHECK(granted);
    relayed_ = peer_address(granted->relayed[0]);
  }

  const PeerAddress& relayed() const { return relayed_; }
  void bind_channel(const PeerAddress& peer) {
    CHECK(turn_.bind_channel(peer, read_clocks()));
    shards_.tell(shard_, turn_, end_);
  }
  void release() {
    CHECK(turn_.release(read_clocks()));
    shards_.tell(shard_, turn_, end_);
  }
  /// Its shard's pass included.
  void send(const PeerAddress& peer, std::string_view text) {
    std::array<uint8_t, 4'096> buffer;
    const auto datagram = turn_.send(peer, bytes_of(text), buffer, read_clocks());
    CHECK(datagram);
    end_.send(shards_.address(shard_), *datagram);
    shards_.shard(shard_).pass(read_clocks().monotonic + kPatience);
  }
  /// The next text that is there already; the peer's who sent it must be `from`.
  std::optional<std::string> hear(const PeerAddress& from) {
    while (auto arrived = end_.receive(Duration{})) {
      turn_.handle(arrived->bytes, read_clocks());
      while (const auto event = turn_.poll_event()) {
        const auto* data = std::get_if<PeerDatagram>(&*event);
        if (data == nullptr) continue;
        EXPECT_EQ(data->peer, from);
        heard_.emplace_back(text_of(data->data));
      }
    }
    if (heard_.empty()) return std::nullopt;
    std::string first = std::move(heard_.front());
    heard_.pop_front();
    return first;
  }

 private:
  TwoShards& shards_;
  size_t shard_;
  CsprngRandom random_;
  UdpEnd end_;
  TurnClient turn_;
  PeerAddress relayed_;
  std::deque<std::string> heard_;
};

/// alice on the first shard, bob on the second, who have each other's permission.
class TwoTalkers {
 public:
  TwoTalkers() {
    alice.bind_channel(bob.relayed());
    bob.bind_channel(alice.relayed());
  }
  void pass(size_t shard) { shards.shard(shard).pass(read_clocks().monotonic); }
  const ShortcutCounters& of(size_t shard) { return shards.shard(shard).shortcut_counters(); }

  TwoShards shards;
  Talker alice{shards, 0};
  Talker bob{shards, 1};
};

class ShardShortcuts : public testing::Test {
 protected:
  ~ShardShortcuts() override {
    for (size_t i : {0, 1}) shards.shard(i).close();
  }
  TwoTalkers talkers;
  TwoShards& shards = talkers.shards;
  Talker& alice = talkers.alice;
  Talker& bob = talkers.bob;
};

TEST_F(ShardShortcuts, CrossInOnePassOfEachShardBothWays) {
  alice.send(bob.relayed(), "hello");
  EXPECT_FALSE(bob.hear(alice.relayed())) << "the other shard has not run";
  shards.shard(1).pass(read_clocks().monotonic + kPatience);  // it was woken
  EXPECT_EQ(bob.hear(alice.relayed()), "hello");
  bob.send(alice.relayed(), "hi");
  shards.shard(0).pass(read_clocks().monotonic + kPatience);
  EXPECT_EQ(alice.hear(bob.relayed()), "hi");
  for (size_t i : {0, 1}) {
    EXPECT_EQ(talkers.of(i).sent, 1U);
    EXPECT_EQ(talkers.of(i).received, 1U);
  }
}

TEST_F(ShardShortcuts, WhatTheRingDoesNotTakeGoesThroughTheKernel) {
  constexpr uint32_t kMore = 20;
  for (uint32_t i = 0; i < kShortcutSlots + kMore; ++i) {
    alice.send(bob.relayed(), std::to_string(i));
  }
  EXPECT_EQ(talkers.of(0).sent, kShortcutSlots);
  EXPECT_EQ(talkers.of(0).full, kMore);
  for (int i = 0; i < 10; ++i) talkers.pass(1);
  // Not what bob hears: so many at once are more than a socket's default buffer.
  EXPECT_EQ(shards.shard(1).relay_counters().to_clients, kShortcutSlots + kMore);
  EXPECT_EQ(talkers.of(1).received, kShortcutSlots);
  alice.send(bob.relayed(), "there is room again");
  EXPECT_EQ(talkers.of(0).sent, kShortcutSlots + 1);
}

TEST_F(ShardShortcuts, WhatIsTooLongForASlotGoesThroughTheKernel) {
  const std::string longest(ShortcutSlot::kMaxPayload, 'x');
  alice.send(bob.relayed(), longest);
  talkers.pass(1);
  EXPECT_EQ(bob.hear(alice.relayed()), longest);
  EXPECT_EQ(talkers.of(0).too_long, 0U);
  alice.send(bob.relayed(), longest + 'x');
  talkers.pass(1);
  EXPECT_EQ(bob.hear(alice.relayed()), longest + 'x');
  EXPECT_EQ(talkers.of(0).too_long, 1U);
}

TEST_F(ShardShortcuts, AnAllocationThatEndsBeforeItsDatagramsAreTakenHearsNothing) {
  alice.send(bob.relayed(), "too late");
  shards.shard(1).close();
  shards.shard(1).discard_messages();
  EXPECT_FALSE(bob.hear(alice.relayed()));
  EXPECT_EQ(talkers.of(1).received, 0U) << "what lies in a ring at the end is forgotten";
  alice.send(bob.relayed(), "nobody is there");
  EXPECT_EQ(shards.ports().taken(), 1U);
}

// Which of the two the loop brings first is its own business; one fate the datagram has.
TEST_F(ShardShortcuts, APortThatIsGivenBackWhileADatagramIsUnderWay) {
  alice.send(bob.relayed(), "to bob");
  bob.release();
  talkers.pass(1);
  EXPECT_EQ(talkers.of(1).received, 1U);
  const uint64_t dropped = shards.shard(1).relay_counters().drops_of(DropReason::no_allocation);
  EXPECT_EQ(dropped, bob.hear(alice.relayed()) ? 0U : 1U);
  EXPECT_EQ(shards.ports().taken(), 1U);
}

}  // namespace
}  // namespace uturn
