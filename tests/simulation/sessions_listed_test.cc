// An operator lists 100,000 sessions: page by page, in steps between which the shards go on
// relaying.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <set>
#include <vector>

#include "protocol/message_builder.h"
#include "server/admin/shard_reports.h"
#include "server/relay/port_pool.h"
#include "server/shard.h"
#include "tests/simulation/world/simulated_loop.h"
#include "tests/simulation/world/simulated_server.h"
#include "tests/simulation/world/virtual_network.h"

namespace uturn {
namespace {

constexpr uint8_t kShards = 2;
constexpr uint32_t kSessions = 100'000;
constexpr uint8_t kRelayAddresses = 8;

TransportAddress peer_address() { return *TransportAddress::parse("198.51.100.7:5000"); }

PeerPolicy policy_of_peers() {
  PeerPolicy::Settings settings;
  settings.allow = {*AddressRange::parse("198.51.100.0/24")};
  return PeerPolicy(settings);
}

/// Two shards with a pass for each message to them, so that whoever asks is answered at once: what
/// one errand does, and what is relayed beside it, can be counted.
class BusyShards {
 public:
  BusyShards()
      : policy_(std::make_shared<const PeerPolicy>(policy_of_peers())),
        ports_(SimulatedServer::relay_ips(kRelayAddresses), {49'152, 65'535}, random_),
        tcp_ports_(SimulatedServer::relay_ips(1), {49'152, 65'535}, random_),
        channel_(kShards, [this](uint8_t shard) { pass_of(shard); }) {
    for (uint8_t i = 0; i < kShards; ++i) {
      auto loop = std::make_unique<SimulatedLoop>(network_, LoopSettings{.max_sockets = 60'000});
      loops_.at(i) = loop.get();
      ShardSettings settings;
      settings.relay.shard = i;
      settings.relay.shards = kShards;
      Authenticator::Settings open;
      open.realm = "example.org";
      open.required = false;
      open.nonce.keys = {NonceKey{1, {0x42}}};
      shards_.at(i) = std::make_unique<Shard>(
          settings,
          SharedWorld{quota_, ports_, channel_, events_, shortcuts_, tcp_ports_, connections_},
          std::make_unique<Realms>(
              std::make_unique<Authenticator>(std::move(open), nullptr, nullptr,
                                              std::vector<std::shared_ptr<UserDirectory>>{}),
              policy_),
          std::make_unique<SeededRandom>(i), std::move(loop));
      UdpSocketSpec listener;
      listener.kind = SocketKind::listener;
      listener.address = SimulatedServer::listener();
      listener.reuse_port = true;
      listener.receive_buffer = 1 << 30;
      CHECK(shards_.at(i)->listen(listener).has_value());
      shards_.at(i)->start();
    }
    Endpoint peer;
    peer.receive = [this](const VirtualDatagram&) { ++relayed_; };
    CHECK(network_.bind(peer_, std::move(peer), 1));
  }
  ~BusyShards() {
    for (auto& shard : shards_) shard->close();
  }

  void allocate(uint32_t client) {
    send(client_address(client), Method::allocate,
         [](MessageBuilder& request) { request.add_requested_transport(17); });
  }
  /// Everything that has been sent is there, and has been answered.
  void settle() {
    while (network_.step(kNever)) {
    }
    for (uint8_t i = 0; i < kShards; ++i) {
      while (loops_.at(i)->is_ready()) shards_.at(i)->pass(Instant{});
    }
  }

  /// A call on each shard; each of their passes has a datagram of it to relay from now on.
  void begin_calls() {
    for (uint32_t client = 0; callers_.size() < kShards; ++client) {
      const TransportAddress caller = client_address(client);
      const uint64_t before = shards_[callers_.size()]->relay_counters().datagrams_in;
      send(caller, Method::channel_bind, [](MessageBuilder& request) {
        request.add_channel_number(0x4000);
        request.add_xor_address(AttributeType::xor_peer_address, peer_address());
      });
      settle();
      if (shards_[callers_.size()]->relay_counters().datagrams_in > before) {
        callers_.push_back(caller);
      }
    }
  }

  Shards shards() { return {channel_, kShards}; }
  Shard& shard(uint8_t index) { return *shards_.at(index); }
  uint64_t passes() const { return passes_; }
  uint64_t relayed() {
    settle();
    return relayed_;
  }
  uint64_t allocations() const {
    return shards_[0]->relay().allocations() + shards_[1]->relay().allocations();
  }

 private:
  static TransportAddress client_address(uint32_t client) {
    const auto high = static_cast<uint8_t>(client / 10'000);
    const std::array<uint8_t, 4> ip{203, 0, 113, high};
    return {IpAddress::v4(ip), static_cast<uint16_t>(10'000 + client % 10'000), 0};
  }

  template <class Fill>
  void send(const TransportAddress& from, Method method, Fill fill) {
    std::array<uint8_t, 128> buffer{};
    TransactionId id{};
    random_.fill(id.bytes);
    MessageBuilder request(buffer, method, MessageClass::request, id);
    fill(request);
    const Bytes bytes = request.finish();
    network_.send({from, SimulatedServer::listener(), {bytes.begin(), bytes.end()}});
  }

  // Called by whoever sends the shard a message.
  void pass_of(uint8_t shard) {
    if (shard < callers_.size()) {
      network_.send({callers_[shard],
                     SimulatedServer::listener(),
                     {0x40, 0x00, 0x00, 0x04, 'd', 'a', 't', 'a'}});
      while (network_.step(kNever)) {
      }
    }
    loops_.at(shard)->wake();
    shards_.at(shard)->pass(Instant{});
    ++passes_;
  }

  VirtualNetwork network_{1};
  SeededRandom random_{2};
  std::shared_ptr<const PeerPolicy> policy_;
  QuotaLedger quota_{QuotaLimits{}};
  PortPools ports_;
  PortPools tcp_ports_;
  ConnectionLimits connections_{{}};
  ShardEvents events_;
  ShortcutRings shortcuts_{kShards};
  std::array<SimulatedLoop*, kShards> loops_{};
  ShardChannel channel_;
  std::array<std::unique_ptr<Shard>, kShards> shards_;
  std::vector<TransportAddress> callers_;  ///< by shard
  TransportAddress peer_ = peer_address();
  uint64_t passes_ = 0;
  uint64_t relayed_ = 0;
};

std::vector<std::string> ids_of(const SessionPage& page) {
  std::vector<std::string> ids;
  for (const Session& session : page.sessions) ids.push_back(session.id.to_string());
  return ids;
}

// The bound is counted, not timed: a pass looks at 128 slots and no more, and relays what it has.
TEST(SessionsListed, AHundredThousandAreReadInSmallStepsBesideTheRelaying) {
  BusyShards server;
  for (uint32_t client = 0; client < kSessions; ++client) {
    server.allocate(client);
    if (client % 1'000 == 999) server.settle();
  }
  ASSERT_EQ(server.allocations(), kSessions);
  server.begin_calls();
  const uint64_t relayed_before = server.relayed();
  const uint64_t passes_before = server.passes();

  // Somebody comes and somebody goes after each page: whoever stays is met exactly once.
  std::set<std::string> met;
  std::set<std::string> gone;
  uint32_t next_client = kSessions;
  uint32_t pages = 0;
  std::optional<SessionCursor> at = SessionCursor{};
  while (at) {
    const uint64_t passes = server.passes();
    const auto page = read_sessions(server.shards(), {}, *at, 1'000);
    ASSERT_TRUE(page) << page.error();
    ASSERT_LE(page->sessions.size(), 1'000u);
    EXPECT_LE(page->sessions.size(), (server.passes() - passes) * kSlotsPerErrand);
    for (const std::string& id : ids_of(*page)) {
      EXPECT_TRUE(met.insert(id).second) << id << " is met twice";
      EXPECT_FALSE(gone.contains(id)) << id << " had ended";
    }
    if (!page->sessions.empty() && page->next) {
      const SessionId ended = page->sessions.back().id;
      gone.insert(ended.to_string());
      EXPECT_TRUE(server.shard(ended.shard).kick(ended.allocation));
      server.allocate(next_client++);
      server.settle();
    }
    at = page->next;
    ++pages;
  }
  EXPECT_GE(met.size(), size_t{kSessions}) << "somebody who stayed was not met";
  EXPECT_LE(pages, kSessions / 1'000 + 2) << "pages are not full";

  const uint64_t passes = server.passes() - passes_before;
  EXPECT_GE(passes, kSessions / kSlotsPerErrand);
  EXPECT_EQ(server.relayed() - relayed_before, passes) << "an errand kept a datagram waiting";
}

}  // namespace
}  // namespace uturn
